package nats

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// trialBytes is what a store must still have room for.
const trialBytes = 1 << 20

// obstacle returns what keeps a store from being used although it may be whole: a file
// that this user may not touch, or a disk that takes nothing more. nil: there is nothing
// of the kind, so it is the store itself.
func obstacle(store string) error {
	err := filepath.WalkDir(store, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		need := uint32(unix.R_OK | unix.W_OK)
		if entry.IsDir() {
			need |= unix.X_OK
		}
		if err := unix.Access(path, need); err != nil {
			return &fs.PathError{Op: "access", Path: path, Err: err}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tryWriting(store)
}

// tryWriting tells whether the disk takes something more.
func tryWriting(folder string) error {
	file, err := os.CreateTemp(folder, "trial-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, trialBytes))
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close(), os.Remove(file.Name())); err != nil {
		return fmt.Errorf("write on trial: %w", err)
	}
	return nil
}
