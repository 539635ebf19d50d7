// Package logfile keeps the output of services on disk, bounded, and reads it back.
//
// Children write to the file themselves, through an inherited descriptor in append
// mode; nothing of it passes through the supervisor, so a child logs on when the
// supervisor is gone. This package opens, bounds and reads the files.
//
// It does not guarantee every line while a file that has become too large is cut: what
// a child writes between the copy and the cut, which is microseconds, is lost.
package logfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Limits bound the log of one service.
type Limits struct {
	Bytes int64 // of one file; it is looked at now and then, so up to twice as much is kept
	Files int   // older files that are kept as NAME.1, NAME.2, …
}

// DefaultLimits keep about 40 MiB of each service.
var DefaultLimits = Limits{Bytes: 10 << 20, Files: 3}

// Open opens a service's log for a child to append to, and makes it where there is none.
func Open(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return file, nil
}

// Bound moves the content of a log that has become too large to NAME.1 and empties the
// file. The file stays the same one, because children write to it. Readers notice.
func Bound(path string, limits Limits) error {
	parts := partsOf(path)
	parts.mu.Lock()
	defer parts.mu.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= limits.Bytes {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bound the log: %w", err)
	}
	for n := limits.Files; n > 1; n-- {
		err := os.Rename(older(path, n-1), older(path, n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("bound the log: %w", err)
		}
	}
	dropped, copyErr := copyTail(path, older(path, 1), limits.Bytes)
	// Also when there was no room for the copy: a bounded log is the first duty.
	if err := os.Truncate(path, 0); err != nil {
		return fmt.Errorf("bound the log: %w", err)
	}
	parts.cut(dropped, limits.Files)
	return copyErr
}

func older(path string, n int) string { return fmt.Sprintf("%s.%d", path, n) }

// copyTail copies a file, or when it has more than twice the bytes that are wanted, the
// last of them, so that a child which wrote a gigabyte since the last look does not fill
// the disk twice. It returns how many bytes before those it left out.
func copyTail(from, to string, wanted int64) (dropped int64, err error) {
	source, err := os.Open(from)
	if err != nil {
		return 0, fmt.Errorf("copy the log: %w", err)
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return 0, fmt.Errorf("copy the log: %w", err)
	}
	if info.Size() > 2*wanted {
		dropped = info.Size() - wanted
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("copy the log: %w", err)
	}
	// Also what came since Stat, but no end of it.
	_, err = io.Copy(target, io.NewSectionReader(source, dropped, 2*wanted))
	if err = errors.Join(err, target.Close()); err != nil {
		return 0, errors.Join(fmt.Errorf("copy the log: %w", err), os.Remove(to))
	}
	return dropped, nil
}
