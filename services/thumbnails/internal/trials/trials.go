// Package trials remembers which pictures were being decoded when a process ended.
//
// Before a picture is decoded, a marker with its name is made and locked; afterwards it is
// removed. The kernel lets go of the lock when the process ends, however it ends, so a marker
// that is there and not locked tells of a picture that was being decoded then: a suspect.
// It may be innocent, as others were decoded at the same time. So it is decoded once more,
// alone, which the marker says then. Who finds such a marker without a lock knows that this
// picture ended a process by itself.
//
// Several processes may use one folder. Two never decode the same picture at the same time.
// A process that somebody kills while it decodes a suspect leaves an innocent picture that
// looks guilty.
package trials

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrDeadly means that a process ended while it decoded nothing but this picture.
var ErrDeadly = errors.New("decoding this picture ends the process")

const (
	// alone is what a marker says of a picture with which no other one is decoded.
	alone = "alone"
	// The pause before it is looked again whether another has come to an end with a picture.
	firstPause = 5 * time.Millisecond
	maxPause   = 100 * time.Millisecond
)

// Folder holds the markers.
type Folder struct {
	path string
}

// Open makes the folder if it is not there.
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return &Folder{path: path}, nil
}

// Trial is a picture's decoding. End or Withdraw ends it.
type Trial struct {
	// Suspect: a process ended while it decoded this picture, and maybe others.
	Suspect bool

	file *os.File
}

// Begin notes that a picture is going to be decoded. It waits while another one decodes it,
// until ctx is done. With ErrDeadly the trial is there as well: it goes no further, and its
// end forgets why.
func (f *Folder) Begin(ctx context.Context, name string) (*Trial, error) {
	path := filepath.Join(f.path, name)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		trial, err := take(path)
		if err != nil || trial != nil {
			return trial, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another who decodes it: %w", context.Cause(ctx))
		}
	}
}

// take returns nil when another has the marker.
func take(path string) (*Trial, error) {
	trial := &Trial{}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		trial.Suspect = true
		file, err = os.OpenFile(path, os.O_RDWR, 0o600)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it was removed between the two
	}
	if err != nil {
		return nil, fmt.Errorf("note a picture: %w", err)
	}
	trial.file = file
	if held, err := lock(file, path); err != nil || !held {
		return nil, errors.Join(err, file.Close())
	}
	said := make([]byte, len(alone))
	if n, _ := file.ReadAt(said, 0); string(said[:n]) == alone {
		return trial, ErrDeadly
	}
	return trial, nil
}

// lock tells whether the file is locked now, and still the one with that name.
func lock(file *os.File, path string) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	locked, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", path, err)
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(locked, named), nil
}

// Alone notes that nothing else is decoded from now on.
func (t *Trial) Alone() error {
	if _, err := t.file.WriteAt([]byte(alone), 0); err != nil {
		return fmt.Errorf("note that a picture is decoded alone: %w", err)
	}
	return nil
}

// End notes that the process has outlived the picture.
func (t *Trial) End() error {
	// First the name, then the lock: whoever gets the lock looks whether the name is left.
	if err := errors.Join(os.Remove(t.file.Name()), t.file.Close()); err != nil {
		return fmt.Errorf("forget a picture: %w", err)
	}
	return nil
}

// Withdraw ends a trial without a decoding: what is known of the picture stays known.
func (t *Trial) Withdraw() error {
	if t.Suspect {
		return t.file.Close()
	}
	return t.End()
}
