package logfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// Reader reads the logs of several services as one, the older files included. What it
// keeps in memory does not grow with the logs.
type Reader struct {
	tails []*tail // by path
	query Query
}

// NewReader returns a reader of these logs, given by service.
func NewReader(paths map[string]string, query Query) *Reader {
	r := &Reader{query: query}
	for service, path := range paths {
		r.tails = append(r.tails, &tail{service: service, parts: partsOf(path)})
	}
	slices.SortFunc(r.tails, func(a, b *tail) int { return cmp.Compare(a.parts.path, b.parts.path) })
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
	for _, t := range r.tails { // what came meanwhile
		if err := t.follow(yield); err != nil {
			return err
		}
	}
	for {
		select {
		case event, ok := <-watcher.Events:
			if !ok {
				return nil
			}
			for _, t := range r.tails {
				if t.parts.path != event.Name {
					continue
				}
				if err := t.follow(yield); err != nil {
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
	for _, t := range r.tails {
		folders[filepath.Dir(t.parts.path)] = true
	}
	for folder := range folders {
		if err := errors.Join(os.MkdirAll(folder, 0o700), watcher.Add(folder)); err != nil {
			watcher.Close()
			return nil, fmt.Errorf("follow the logs: %w", err)
		}
	}
	return watcher, nil
}

// follow yields the lines that were written since the last read.
func (t *tail) follow(yield func(service, line string) error) error {
	for {
		l, ok, err := t.next(Position{})
		if err != nil || !ok {
			return err
		}
		if err := yield(l.service, l.text); err != nil {
			return err
		}
	}
}

// readPast yields what is in the logs now, in the order in which it was written.
func (r *Reader) readPast(yield func(service, line string) error) error {
	heads := make([]*line, len(r.tails)) // the next line of each log; nil: there is none
	ends := make([]Position, len(r.tails))
	advance := func(n int) error {
		l, ok, err := r.tails[n].next(ends[n])
		heads[n] = nil
		if ok {
			heads[n] = &l
		}
		return err
	}
	for n, t := range r.tails {
		var err error
		ends[n] = t.parts.end()
		if t.at, t.moment, err = t.parts.start(r.query, ends[n]); err != nil {
			return err
		}
		if err := advance(n); err != nil {
			return err
		}
	}
	for {
		n := earliest(heads)
		if n < 0 {
			return nil
		}
		if err := yield(heads[n].service, heads[n].text); err != nil {
			return err
		}
		if err := advance(n); err != nil {
			return err
		}
	}
}

// earliest returns which line was written first; -1: there is none.
func earliest(lines []*line) int {
	first := -1
	for n, l := range lines {
		if l != nil && (first < 0 || l.at.Before(lines[first].at)) {
			first = n
		}
	}
	return first
}
