package tree

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/owncloud/ocis-runtime/services/internal/database"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
)

// The buckets. Numbers in keys are big-endian, so that their order is the keys' order.
var (
	bucketMeta      = []byte("meta")      // metaVersion, metaInstance
	bucketEntries   = []byte("entries")   // parent's id, name -> record.Entry; a user's root is the child of 0 named by the user
	bucketLocks     = []byte("locks")     // root's id, path, NUL, token -> record.Lock
	bucketBlobs     = []byte("blobs")     // id -> number of references, inline content (references.go)
	bucketTrash     = []byte("trash")     // root's id, sequence -> record.Trashed
	bucketPurge     = []byte("purge")     // sequence -> record.Entry that nothing refers to any more
	bucketOutbox    = []byte("outbox")    // sequence -> Event
	bucketUnused    = []byte("unused")    // id of a blob that is in no entry -> since when (unused.go); made when needed
	bucketCommitted = []byte("committed") // time, id of an upload -> record.Committed (committed.go); made when needed

	metaVersion  = []byte("version")
	metaInstance = []byte("instance")
)

const (
	databaseFile    = "metadata.db"
	databaseVersion = 1
	// mapSize is address space, not memory: growing beyond it waits for all readers.
	mapSize = 1 << 30
)

// openDatabase opens the database in folder and brings its buckets into being.
func openDatabase(folder string) (db *bbolt.DB, instance string, err error) {
	file := filepath.Join(folder, databaseFile)
	if db, err = database.Open(file, mapSize); err != nil {
		return nil, "", err
	}
	if instance, err = prepare(db, folder); err != nil {
		db.Close()
		return nil, "", fmt.Errorf("%s cannot be used: %w", file, err)
	}
	return db, instance, nil
}

// prepare checks what version the database has, and makes it when it is new.
func prepare(db *bbolt.DB, folder string) (instance string, err error) {
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
		if err := mayBeNew(folder); err != nil {
			return "", err
		}
		// Legacy ids end in the instance's 12 characters; clients cut them off
		// (owncloud/client, SyncJournalFileRecord::numericFileId).
		instance = "oc" + strings.ToLower(rand.Text()[:10])
		return instance, db.Update(func(tx *bbolt.Tx) error { return create(tx, instance) })
	case binary.BigEndian.Uint64(version) != databaseVersion:
		return "", fmt.Errorf("it has version %x, this program knows version %d: use a newer program", version, databaseVersion)
	}
	return instance, nil
}

// mayBeNew refuses a new database in the place of one that was lost. It would know
// nothing of the content beside it, and clients that sync would take all files for
// deleted and remove their own.
func mayBeNew(folder string) error {
	there, err := blobs.Exist(folder)
	if err == nil && there {
		err = fmt.Errorf("there is nothing in it, though there was one before: put a backup of it in its place, or move %s away to start empty", folder)
	}
	return err
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
