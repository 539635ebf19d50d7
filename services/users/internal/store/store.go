package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/owncloud/ocis-runtime/services/internal/database"
	"github.com/owncloud/ocis-runtime/services/internal/disk"
)

// Errors of this package's calls; the caller adds the name.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
)

// The buckets. Names are looked up by their folded form, see fold.
var (
	bucketUsers  = []byte("users")  // id → User
	bucketNames  = []byte("names")  // folded username → id
	bucketGroups = []byte("groups") // folded name → name as it was given
)

// Store is the open file. It is safe for concurrent use.
type Store struct {
	db *bolt.DB
}

// Open opens the file at path, in a folder that it makes if need be. For a new file it
// calls first, and writes the user that it returns in the transaction that makes the
// file a store: whether first was called does not depend on which users exist later.
func Open(path string, first func() (User, error)) (*Store, error) {
	db, err := database.Open(path, 0)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if err := s.initialize(filepath.Dir(path), first); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close waits for running transactions and closes the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the users: %w", err)
	}
	return nil
}

func (s *Store) initialize(dir string, first func() (User, error)) error {
	fresh := false
	if err := s.view(func(tx *bolt.Tx) error {
		fresh = tx.Bucket(bucketUsers) == nil
		return nil
	}); err != nil || !fresh {
		return err
	}
	user, err := first()
	if err != nil {
		return err
	}
	err = s.update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketUsers, bucketNames, bucketGroups} {
			if _, err := tx.CreateBucket(name); err != nil {
				return fmt.Errorf("make bucket %s: %w", name, err)
			}
		}
		return insert(tx, user)
	})
	if err != nil {
		return err
	}
	return disk.SyncFolder(dir)
}

func (s *Store) view(read func(*bolt.Tx) error) error {
	return describe(s.db.View(read), "read")
}

func (s *Store) update(write func(*bolt.Tx) error) error {
	return describe(s.db.Update(write), "write")
}

// describe says what failed, unless it is an answer rather than a failure.
func describe(err error, what string) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) {
		return err
	}
	return fmt.Errorf("%s the users: %w", what, err)
}

func decode(data []byte) (User, error) {
	var user User
	if err := json.Unmarshal(data, &user); err != nil {
		return User{}, fmt.Errorf("damaged record: %w", err)
	}
	return user, nil
}
