package tree

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// The buckets. Numbers in keys are big-endian, so that their order is the keys' order.
var (
	bucketMeta    = []byte("meta")    // metaVersion, metaInstance
	bucketEntries = []byte("entries") // parent's id, name -> record.Entry; a user's root is the child of 0 named by the user
	bucketLocks   = []byte("locks")   // root's id, path, NUL, token -> record.Lock
	bucketBlobs   = []byte("blobs")   // id -> number of references, inline content (references.go)
	bucketTrash   = []byte("trash")   // root's id, sequence -> record.Trashed
	bucketPurge   = []byte("purge")   // sequence -> record.Entry that nothing refers to any more
	bucketOutbox  = []byte("outbox")  // sequence -> Event

	metaVersion  = []byte("version")
	metaInstance = []byte("instance")
)

const (
	databaseFile    = "metadata.db"
	databaseVersion = 1

	// ownershipTimeout bounds the wait for another process to let go of the database.
	ownershipTimeout = 3 * time.Second
	// mapSize is address space, not memory: growing beyond it waits for all readers.
	mapSize = 1 << 30
)

// openDatabase opens the database in folder and brings its buckets into being.
func openDatabase(folder string) (db *bbolt.DB, instance string, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, "", unusable(folder, err)
	}
	file := filepath.Join(folder, databaseFile)
	db, err = openBolt(file)
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, "", fmt.Errorf("%s is in use by another process: stop that one first", file)
	case errors.Is(err, fs.ErrPermission):
		return nil, "", unusable(folder, err)
	case err != nil:
		return nil, "", fmt.Errorf("%s cannot be read: %w; restore it from a backup, or move %s away to start empty", file, err, folder)
	}
	if instance, err = prepare(db); err != nil {
		db.Close()
		return nil, "", fmt.Errorf("%s cannot be used: %w", file, err)
	}
	return db, instance, nil
}

// openBolt is bbolt.Open that reports a damaged file as an error: bbolt panics on some,
// and reading a mapped file beyond its end is a fault.
func openBolt(file string) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("it is damaged: %v", r)
		}
	}()
	db, err = bbolt.Open(file, 0o600, &bbolt.Options{
		Timeout:         ownershipTimeout,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapSize,
		NoStatistics:    true,
	})
	if err != nil {
		return nil, err
	}
	if err := db.View(complete); err != nil {
		db.Close()
		return nil, err
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

// prepare checks what version the database has, and makes it when it is new.
func prepare(db *bbolt.DB) (instance string, err error) {
	var version []byte
	err = db.View(func(tx *bbolt.Tx) error {
		if meta := tx.Bucket(bucketMeta); meta != nil {
			version, instance = bytes.Clone(meta.Get(metaVersion)), string(meta.Get(metaInstance))
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case version == nil:
		// Legacy ids end in the instance's 12 characters; clients cut them off
		// (owncloud/client, SyncJournalFileRecord::numericFileId).
		instance = "oc" + strings.ToLower(rand.Text()[:10])
		return instance, db.Update(func(tx *bbolt.Tx) error { return create(tx, instance) })
	case binary.BigEndian.Uint64(version) != databaseVersion:
		return "", fmt.Errorf("it has version %x, this program knows version %d: use a newer program", version, databaseVersion)
	}
	return instance, nil
}

func create(tx *bbolt.Tx, instance string) error {
	for _, name := range [][]byte{bucketMeta, bucketEntries, bucketLocks, bucketBlobs, bucketTrash, bucketPurge, bucketOutbox} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	return errors.Join(
		meta.Put(metaVersion, binary.BigEndian.AppendUint64(nil, databaseVersion)),
		meta.Put(metaInstance, []byte(instance)))
}

func unusable(folder string, err error) error {
	return fmt.Errorf("the data folder %s cannot be used: %w; make it writable for this user", folder, err)
}
