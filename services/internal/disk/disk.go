// Package disk knows what services have to know about file systems: how a name is made
// to last, and which errors mean that there is no room.
package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// SyncFolder makes the names in a folder as lasting as the content of its files: a new
// name survives a power failure only after this (fsync(2), NOTES).
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync a folder: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// IsFull tells whether an error means that a disk, or what its user may have of it, is
// full.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
