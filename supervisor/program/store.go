package program

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Store has private copies of programs, in a folder of its own. A copy is made of what is
// verified while it is read, so that nobody can put something else in its place between
// the check and the start.
type Store struct {
	dir string
}

// NewStore returns a store in dir, which is for nothing else and may be missing.
func NewStore(dir string) *Store { return &Store{dir: dir} }

// Clear removes all copies. Programs that run go on.
func (s *Store) Clear() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("clear the copies of programs: %w", err)
	}
	return nil
}

// Executable returns the file to be executed for p: its own path, or when it has a checksum,
// a verified copy. The file at its path is read and verified each time, the copy is made once.
func (s *Store) Executable(p Program) (string, error) {
	if p.SHA256 == "" {
		return p.Path, nil
	}
	path := filepath.Join(s.dir, strings.ToLower(p.SHA256), filepath.Base(p.Path))
	if _, err := os.Stat(path); err == nil {
		return path, p.Check()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("copy %s: %w", p.Path, err)
	}
	if err := p.copyTo(path); err != nil {
		return "", err
	}
	if errors.Is(unix.Access(path, unix.X_OK), unix.EACCES) { // a file system without the right to execute (access(2))
		return "", fmt.Errorf("programs in %s cannot be executed, its file system is mounted noexec: set OCIS_RUN_DIR to another folder", s.dir)
	}
	return path, nil
}

// copyTo makes path a copy of the program, when it is the right one.
func (p Program) copyTo(path string) error {
	source, err := openExecutable(p.Path)
	if err != nil {
		return err
	}
	defer source.Close()
	// A process that is forked while the copy is open for writing would keep it open until its
	// exec, and meanwhile the copy cannot be executed (execve(2), ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	next, err := os.CreateTemp(filepath.Dir(path), ".copy-*")
	if err != nil {
		return fmt.Errorf("copy %s: %w", p.Path, err)
	}
	defer os.Remove(next.Name())
	err = p.verify(source, next)
	if err = errors.Join(err, next.Chmod(0o500), next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return fmt.Errorf("copy %s: %w", p.Path, err)
	}
	return nil
}
