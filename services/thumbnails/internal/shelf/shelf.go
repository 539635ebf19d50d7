// Package shelf keeps small files that can be made again, in bounded room on disk.
//
// A file is there whole or not at all, also after a crash. Several processes may use one
// folder at the same time. When there are too many, or they take too much, the oldest go.
// The bounds are kept by whoever puts something: for a while there may be a sixteenth more
// than allowed, of each process.
package shelf

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits bound a shelf.
type Limits struct {
	Bytes    int64
	Files    int
	Lifetime time.Duration // older files are not there any more
}

const (
	// slack is the part of the limits that may be put between two looks at the folder.
	slack = 16
	// After a look at a folder that was too full it has this many eighths of what is allowed.
	leave, eighths = 7, 8
	// unfinished marks the names of files that are being written.
	unfinished = ".new-"
	// abandoned is after how long such a file is nobody's: its process has ended.
	abandoned = time.Hour
	// renewal is how old a file gets before its use makes it young again.
	renewal = time.Hour
)

// Shelf is a folder with files. It is safe for concurrent use.
type Shelf struct {
	folder string
	limits Limits

	mu    sync.Mutex
	bytes int64 // put since the last look
	files int
	swept bool
}

// Open makes the folder if it is not there. It does not look into it, which may take long.
func Open(folder string, limits Limits) (*Shelf, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return &Shelf{folder: folder, limits: limits}, nil
}

// Get returns a file's content, or an error that wraps fs.ErrNotExist.
func (s *Shelf) Get(name string) ([]byte, error) {
	path := filepath.Join(s.folder, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	age := time.Since(info.ModTime())
	if age > s.limits.Lifetime {
		return nil, fmt.Errorf("%s is too old: %w", path, fs.ErrNotExist)
	}
	return os.ReadFile(path)
}

// Use is Get, and keeps the file from being the oldest.
func (s *Shelf) Use(name string) ([]byte, error) {
	content, err := s.Get(name)
	path := filepath.Join(s.folder, name)
	if info, failed := os.Stat(path); err == nil && failed == nil && time.Since(info.ModTime()) > renewal {
		_ = os.Chtimes(path, time.Time{}, time.Now()) // it is read all the same
	}
	return content, err
}

// Put makes or replaces a file. It is on disk when Put returns.
func (s *Shelf) Put(name string, content []byte) error {
	file, err := os.CreateTemp(s.folder, unfinished)
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), filepath.Join(s.folder, name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(file.Name())))
	}
	return s.bound(int64(len(content)))
}

// bound looks at the folder when enough was put since the last time, and the first time.
func (s *Shelf) bound(bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += bytes
	s.files++
	if s.swept && s.bytes <= s.limits.Bytes/slack && s.files <= s.limits.Files/slack {
		return nil
	}
	s.bytes, s.files, s.swept = 0, 0, true
	return s.sweep()
}

// sweep removes what is too old and, if the rest is too much, the oldest.
func (s *Shelf) sweep() error {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return fmt.Errorf("look for old files: %w", err)
	}
	var kept []fs.FileInfo
	var bytes int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue // another process was faster
		}
		age, isNew := time.Since(info.ModTime()), strings.HasPrefix(info.Name(), unfinished)
		switch {
		case age > s.limits.Lifetime, isNew && age > abandoned:
			s.remove(info)
		case !isNew:
			kept = append(kept, info)
			bytes += info.Size()
		}
	}
	if bytes <= s.limits.Bytes && len(kept) <= s.limits.Files {
		return nil
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for len(kept) > 0 && (bytes > s.limits.Bytes/eighths*leave || len(kept) > s.limits.Files/eighths*leave) {
		s.remove(kept[0])
		bytes -= kept[0].Size()
		kept = kept[1:]
	}
	return nil
}

func (s *Shelf) remove(info fs.FileInfo) {
	_ = os.Remove(filepath.Join(s.folder, info.Name())) // the next look finds what is left
}
