// Package database opens bbolt files for the services that keep their data in one.
//
// It owns what can be wrong with such a file when a service starts, and what to tell its
// operator: that it belongs to another process, may not be used, or is damaged. What is in
// it is its users' business. Damage that does not show in the size of the file or in its
// first pages is found when it is read, not here.
package database

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// OwnershipTimeout bounds the wait for another process, such as a predecessor that is just
// closing it, to let go of a file.
const OwnershipTimeout = 3 * time.Second

// Open opens the file at path, which it makes, with its folder, when it is not there.
// mapSize is how much address space, not memory, is set aside for it; 0: as it needs.
// Growing beyond that waits for all readers. The error is one line for the operator.
func Open(path string, mapSize int) (*bbolt.DB, error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, Unusable(folder, err)
	}
	db, err := open(path, mapSize)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s is in use by another process: stop that one first", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, Unusable(folder, err)
	}
	return nil, fmt.Errorf("%s cannot be read: %w; restore it from a backup, or move %s away to start empty", path, err, folder)
}

// Unusable says that a service cannot work in its data folder.
func Unusable(folder string, err error) error {
	return fmt.Errorf("the data folder %s cannot be used: %w; make it writable for this user", folder, err)
}

// open is bbolt.Open that reports a damaged file as an error: bbolt panics on some, and
// reading a mapped file beyond its end is a fault.
func open(path string, mapSize int) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("it is damaged: %v", r)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         OwnershipTimeout,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapSize,
		NoStatistics:    true,
	})
	if err != nil {
		return nil, err
	}
	if err := db.View(complete); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// complete checks that the file is as long as its last transaction says.
func complete(tx *bbolt.Tx) error {
	info, err := os.Stat(tx.DB().Path())
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("it is cut off: %d of %d bytes", info.Size(), tx.Size())
	}
	return nil
}
