package blobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/uuid"
)

// A blob in the making may outlive the process that made it: its writer has a descriptor
// of its own. What a successor needs to know of it is in a note, uploads/<id>. Neither it
// nor the content so far is synced: a power failure ends the writer, too.

// ErrAbandoned means that nobody writes a blob any more.
var ErrAbandoned = errors.New("its writer is gone")

func (s *Store) notePath(id ID) string {
	return filepath.Join(s.folder, notesFolder, uuid.UUID(id).String())
}

const notesFolder = "uploads"

// Note keeps a text about a blob in the making until DropNote.
func (s *Store) Note(id ID, text []byte) error {
	if err := os.WriteFile(s.notePath(id), text, 0o600); err != nil {
		return fmt.Errorf("note an upload: %w", err)
	}
	return nil
}

// DropNote removes a note. It is no error if there is none.
func (s *Store) DropNote(id ID) error {
	err := os.Remove(s.notePath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ReadNote returns the text of a note. What a killed process was writing may be cut off;
// then nobody was given the blob to write.
func (s *Store) ReadNote(id ID) ([]byte, error) { return os.ReadFile(s.notePath(id)) }

// Noted returns the blobs about which there is a note.
func (s *Store) Noted() ([]ID, error) {
	entries, err := os.ReadDir(filepath.Join(s.folder, notesFolder))
	if err != nil {
		return nil, fmt.Errorf("look for uploads: %w", err)
	}
	var ids []ID
	for _, entry := range entries {
		if id, err := uuid.Parse(entry.Name()); err == nil {
			ids = append(ids, ID(id))
		}
	}
	return ids, nil
}

// Reopen opens a blob, sealed or not, that a former process gave to a writer who has it
// open yet. Otherwise the error is ErrAbandoned, or fs.ErrNotExist when there is none.
func (s *Store) Reopen(id ID) (*os.File, error) {
	file, err := os.OpenFile(s.path(id)+unfinished, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = os.OpenFile(s.path(id), os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("open an upload: %w", err)
	}
	if IsAbandoned(file) {
		file.Close()
		return nil, ErrAbandoned
	}
	return file, nil
}

// IsAbandoned tells whether nobody but who reopened file has it open for writing. The lock
// that Create takes belongs to the open file, of which the writer got a copy of the
// descriptor: it ends with the last of them, however that ends (flock(2)).
func IsAbandoned(file *os.File) bool { return lock(file) == nil }

func lock(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	err = raw.Control(func(fd uintptr) { locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) })
	return errors.Join(err, locked)
}
