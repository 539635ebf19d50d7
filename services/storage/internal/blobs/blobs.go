// Package blobs keeps content as files: blobs/ab/<id>.
//
// It owns their way to the disk. A blob has the ending .new until all of it is on disk, so
// what a crash leaves unfinished is known by its name: no metadata, however old, refers
// to it. Whether somebody still writes it is known by a lock. Which finished ones are in
// use only the metadata tells. A blob never changes once it is in use, so whoever has it
// open may read it as long as they like, removed or not.
//
// It leaves to others which blobs are in use, and it removes a finished one only when
// it is told to; Sweep finds what former processes left.
package blobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/services/internal/disk"
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
	made := false
	for n := range shards {
		err := os.Mkdir(s.shardPath(byte(n)), 0o700)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.MkdirAll(filepath.Join(folder, "blobs"), 0o700); err == nil {
				err = os.Mkdir(s.shardPath(byte(n)), 0o700)
			}
		}
		switch {
		case err == nil:
			made = true
		case !errors.Is(err, fs.ErrExist):
			return nil, err
		}
	}
	if err := os.Mkdir(filepath.Join(folder, notesFolder), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if made {
		return s, errors.Join(disk.SyncFolder(folder), disk.SyncFolder(filepath.Join(folder, "blobs")))
	}
	return s, nil
}

// Exist tells whether there ever was a store in folder.
func Exist(folder string) (bool, error) {
	_, err := os.Stat(filepath.Join(folder, "blobs"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// NewID returns the name of a blob that is still to be made.
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

const shards = 256

// shard is the folder of a blob: its last byte, since the first ones are a clock.
func shard(id ID) byte { return id[len(id)-1] }

func (s *Store) shardPath(n byte) string {
	return filepath.Join(s.folder, "blobs", fmt.Sprintf("%02x", n))
}

func (s *Store) path(id ID) string {
	return filepath.Join(s.shardPath(shard(id)), uuid.UUID(id).String())
}

// unfinished is the ending of blobs that are not sealed.
const unfinished = ".new"

// Create makes an empty blob. The caller ends its making with Seal or Remove, and
// closes the file after either. As long as the file, or a copy of its descriptor, is open,
// Reopen finds it written.
func (s *Store) Create() (ID, *os.File, error) {
	id := NewID()
	file, err := os.OpenFile(s.path(id)+unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return ID{}, nil, fmt.Errorf("create content: %w", err)
	}
	if err := lock(file); err != nil {
		file.Close()
		s.Remove(id)
		return ID{}, nil, fmt.Errorf("lock new content: %w", err)
	}
	return id, file, nil
}

// Seal brings a blob to disk, so that a power failure does not lose it. A former process
// may have begun to. With an error it is removed.
func (s *Store) Seal(id ID, file *os.File) error {
	err := file.Sync()
	if err == nil {
		err = s.finish(id)
	}
	if err == nil {
		err = disk.SyncFolder(s.shardPath(shard(id)))
	}
	if err != nil {
		s.Remove(id)
		return fmt.Errorf("sync content: %w", err)
	}
	return nil
}

// finish gives a blob the name of one that is whole, unless it has it.
func (s *Store) finish(id ID) error {
	err := os.Rename(s.path(id)+unfinished, s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := os.Stat(s.path(id)); there == nil {
			return nil
		}
	}
	return err
}

// Read opens a sealed blob. The error is fs.ErrNotExist when there is none.
func (s *Store) Read(id ID) (*os.File, error) { return os.Open(s.path(id)) }

// Remove removes a blob, sealed or not. The error is fs.ErrNotExist when there is none.
func (s *Store) Remove(id ID) error {
	err := os.Remove(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Remove(s.path(id) + unfinished)
	}
	return err
}

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
