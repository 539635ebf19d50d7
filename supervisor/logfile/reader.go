package logfile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Query says which lines are wanted.
type Query struct {
	Since  time.Time // not older; zero: any age
	Lines  int       // at most so many of each service, the newest; 0: all
	Follow bool      // go on with what comes
}

// Reader reads the logs of several services as one.
type Reader struct {
	tails map[string]*tail // by path
	query Query
}

// tail is how far one file was read.
type tail struct {
	service string
	path    string
	offset  int64
	partial []byte // the beginning of a line whose end was not written yet
}

// line is a line with the moment that it was written, as far as it says.
type line struct {
	service string
	text    string
	at      time.Time
}

// NewReader returns a reader of these files, given by service.
func NewReader(paths map[string]string, query Query) *Reader {
	r := &Reader{tails: make(map[string]*tail, len(paths)), query: query}
	for service, path := range paths {
		r.tails[path] = &tail{service: service, path: path}
	}
	return r
}

// Read calls yield with each line, the oldest first, until there are no more, or with
// Follow until ctx is done. It returns the first error of yield.
func (r *Reader) Read(ctx context.Context, yield func(service, line string) error) error {
	var watcher *fsnotify.Watcher
	if r.query.Follow {
		var err error
		if watcher, err = r.watch(); err != nil { // before the first read, so that nothing falls between
			return err
		}
		defer watcher.Close()
	}
	if err := r.readPast(yield); err != nil || !r.query.Follow {
		return err
	}
	for {
		select {
		case event, ok := <-watcher.Events:
			if !ok {
				return nil
			}
			if t, ours := r.tails[event.Name]; ours {
				if err := each(t.read, yield); err != nil {
					return err
				}
			}
		case err, ok := <-watcher.Errors:
			if !ok {
				return nil
			}
			return fmt.Errorf("follow the logs: %w", err)
		case <-ctx.Done():
			return nil
		}
	}
}

// watch watches the folders, since a log may not exist yet.
func (r *Reader) watch() (*fsnotify.Watcher, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("follow the logs: %w", err)
	}
	folders := map[string]bool{}
	for path := range r.tails {
		folders[filepath.Dir(path)] = true
	}
	for folder := range folders {
		if err := errors.Join(os.MkdirAll(folder, 0o700), watcher.Add(folder)); err != nil {
			watcher.Close()
			return nil, fmt.Errorf("follow the logs: %w", err)
		}
	}
	return watcher, nil
}

// readPast yields what is in the files now, in the order in which it was written.
func (r *Reader) readPast(yield func(service, line string) error) error {
	var all []line
	for _, path := range slices.Sorted(maps.Keys(r.tails)) {
		lines, err := r.tails[path].read()
		if err != nil {
			return err
		}
		stamp(lines)
		lines = slices.DeleteFunc(lines, func(l line) bool { return l.at.Before(r.query.Since) })
		if r.query.Lines > 0 {
			lines = lines[max(0, len(lines)-r.query.Lines):]
		}
		all = append(all, lines...)
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	for _, l := range all {
		if err := yield(l.service, l.text); err != nil {
			return err
		}
	}
	return nil
}

func each(read func() ([]line, error), yield func(service, line string) error) error {
	lines, err := read()
	if err != nil {
		return err
	}
	for _, l := range lines {
		if err := yield(l.service, l.text); err != nil {
			return err
		}
	}
	return nil
}

// read returns the complete lines that were written since the last read.
func (t *tail) read() ([]line, error) {
	file, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if info.Size() < t.offset { // it was cut
		t.offset, t.partial = 0, nil
	}
	reader := bufio.NewReader(io.NewSectionReader(file, t.offset, info.Size()-t.offset))
	var lines []line
	for {
		text, err := reader.ReadBytes('\n')
		t.offset += int64(len(text))
		text = append(t.partial, text...)
		if err != nil {
			t.partial = text
			return lines, nil
		}
		t.partial = nil
		lines = append(lines, line{service: t.service, text: string(bytes.TrimRight(text, "\r\n"))})
	}
}

// stamp reads the time of each JSON line; other lines, such as those of a panic,
// belong to the moment of the line before.
func stamp(lines []line) {
	var last time.Time
	for i := range lines {
		var written struct {
			Time time.Time `json:"time"`
		}
		if json.Unmarshal([]byte(lines[i].text), &written) == nil && !written.Time.IsZero() {
			last = written.Time
		}
		lines[i].at = last
	}
}
