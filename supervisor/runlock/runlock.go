// Package runlock makes sure that one runtime works on a run directory.
//
// It owns the lock file. The lock is the kernel's (flock(2)), so it ends with the
// process, however that ends; what stands in the file is for people only.
package runlock

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Holder says who holds a lock.
type Holder struct {
	Pid   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// HeldError is returned when another runtime holds the lock.
type HeldError struct {
	Dir    string
	Holder Holder
}

// Error implements error.
func (e *HeldError) Error() string {
	if e.Holder.Pid == 0 {
		return fmt.Sprintf("another runtime works on %s: stop it first, or set OCIS_BASE_DATA_PATH to another folder", e.Dir)
	}
	return fmt.Sprintf("another runtime works on %s: process %d, since %s; stop it first (kill %d), or set OCIS_BASE_DATA_PATH to another folder",
		e.Dir, e.Holder.Pid, e.Holder.Since.Local().Format(time.DateTime), e.Holder.Pid)
}

// Lock is a lock that is held.
type Lock struct {
	file *os.File
}

// Take takes the lock of a run directory or returns a *HeldError. It does not wait.
func Take(runDir string) (*Lock, error) {
	file, err := os.OpenFile(path(runDir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the run directory: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		file.Close()
		holder, _ := read(runDir)
		return nil, &HeldError{Dir: runDir, Holder: holder}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path(runDir), err)
	}
	lock := &Lock{file: file}
	if err := lock.write(Holder{Pid: os.Getpid(), Since: time.Now().UTC()}); err != nil {
		lock.Release()
		return nil, err
	}
	return lock, nil
}

// Release gives the lock up. The file stays, since removing it would race with the next taker.
func (l *Lock) Release() { l.file.Close() }

// Find says who holds the lock of a run directory; held is false when nobody does.
func Find(runDir string) (holder Holder, held bool, err error) {
	file, err := os.Open(path(runDir))
	if errors.Is(err, os.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("look at the lock: %w", err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return Holder{}, false, nil
	}
	holder, err = read(runDir)
	return holder, true, err
}

func (l *Lock) write(holder Holder) error {
	data, err := json.Marshal(holder)
	if err == nil {
		err = l.file.Truncate(0)
	}
	if err == nil {
		_, err = l.file.WriteAt(append(data, '\n'), 0)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", l.file.Name(), err)
	}
	return nil
}

func read(runDir string) (Holder, error) {
	var holder Holder
	data, err := os.ReadFile(path(runDir))
	if err == nil {
		err = json.Unmarshal(data, &holder)
	}
	if err != nil {
		return Holder{}, fmt.Errorf("read %s: %w", path(runDir), err)
	}
	return holder, nil
}

func path(runDir string) string { return filepath.Join(runDir, "runtime.lock") }
