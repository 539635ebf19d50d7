// Package blobs keeps content as files: blobs/ab/<id>, written as uploads/<id> first.
//
// It owns their way to the disk. A blob never changes once it is sealed, so whoever
// has it open may read it as long as they like, removed or not. It leaves to others
// which blobs are in use; Sweep removes what a crash left behind.
package blobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// ID names a blob. IDs of one process ascend (UUID version 7, RFC 9562).
type ID = record.BlobID

// reserveBytes of the disk, or reserveShare of a small one, are left for metadata, so
// that files can still be deleted when uploads are refused.
const (
	reserveBytes = 64 << 20
	reserveShare = 20
)

// Store is a folder of blobs. It is safe for concurrent use, by one process.
type Store struct {
	folder string
	oldest ID // every blob that this process makes is younger
}

// Open prepares the store in folder, which must exist and be writable.
func Open(folder string) (*Store, error) {
	s := &Store{folder: folder, oldest: NewID()}
	if err := os.MkdirAll(filepath.Join(folder, "uploads"), 0o700); err != nil {
		return nil, err
	}
	made := false
	for shard := range shards {
		err := os.Mkdir(s.shard(byte(shard)), 0o700)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.MkdirAll(filepath.Join(folder, "blobs"), 0o700); err == nil {
				err = os.Mkdir(s.shard(byte(shard)), 0o700)
			}
		}
		switch {
		case err == nil:
			made = true
		case !errors.Is(err, fs.ErrExist):
			return nil, err
		}
	}
	if made {
		return s, errors.Join(syncFolder(folder), syncFolder(filepath.Join(folder, "blobs")))
	}
	return s, nil
}

// NewID returns the name of a blob that is still to be made.
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

const shards = 256

func (s *Store) shard(n byte) string {
	return filepath.Join(s.folder, "blobs", fmt.Sprintf("%02x", n))
}

// path shards by the last byte: the first ones are a clock.
func (s *Store) path(id ID) string {
	return filepath.Join(s.shard(id[len(id)-1]), uuid.UUID(id).String())
}

func (s *Store) upload(id ID) string {
	return filepath.Join(s.folder, "uploads", uuid.UUID(id).String())
}

// Create makes an empty upload. The caller ends it with Seal or Discard, and closes
// the file after either.
func (s *Store) Create() (ID, *os.File, error) {
	id := NewID()
	file, err := os.OpenFile(s.upload(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return ID{}, nil, fmt.Errorf("create an upload: %w", err)
	}
	return id, file, nil
}

// Seal makes an upload a blob that a power failure does not lose. With an error the
// upload is gone.
func (s *Store) Seal(id ID, file *os.File) error {
	if err := file.Sync(); err != nil {
		s.Discard(id)
		return fmt.Errorf("sync an upload: %w", err)
	}
	if err := os.Rename(s.upload(id), s.path(id)); err != nil {
		s.Discard(id)
		return fmt.Errorf("seal an upload: %w", err)
	}
	if err := syncFolder(s.shard(id[len(id)-1])); err != nil {
		s.Remove(id)
		return fmt.Errorf("seal an upload: %w", err)
	}
	return nil
}

// Discard removes an upload.
func (s *Store) Discard(id ID) error { return os.Remove(s.upload(id)) }

// Read opens a blob. The error is fs.ErrNotExist when there is none.
func (s *Store) Read(id ID) (*os.File, error) { return os.Open(s.path(id)) }

// Remove removes a blob.
func (s *Store) Remove(id ID) error { return os.Remove(s.path(id)) }

// Free returns how many bytes uploads may still take from the disk.
func (s *Store) Free() (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(s.folder, &stat); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", s.folder, err)
	}
	free, total := uint64(stat.Bavail)*uint64(stat.Bsize), uint64(stat.Blocks)*uint64(stat.Bsize)
	reserve := min(uint64(reserveBytes), total/reserveShare)
	return free - min(free, reserve), nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
