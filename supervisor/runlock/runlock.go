// Package runlock makes sure that one runtime works on a folder.
//
// It owns the lock files. The lock is the kernel's (flock(2)), so it ends with the
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

// Lock is held on some folders.
type Lock struct {
	files []*os.File
}

// Take takes the locks of all these folders, or none and returns a *HeldError. It does not
// wait. A runtime locks its data as well as its run directory: two run directories do not
// make it safe to work on the same data.
func Take(dirs ...string) (*Lock, error) {
	lock := &Lock{}
	for _, dir := range dirs {
		if err := lock.take(dir); err != nil {
			lock.Release()
			return nil, err
		}
	}
	return lock, nil
}

func (l *Lock) take(dir string) error {
	file, err := os.OpenFile(path(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	if l.has(file) { // the folder's other name
		return file.Close()
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder, _ := read(dir)
			return &HeldError{Dir: dir, Holder: holder}
		}
		return fmt.Errorf("lock %s: %w", path(dir), err)
	}
	l.files = append(l.files, file)
	return write(file, Holder{Pid: os.Getpid(), Since: time.Now().UTC()})
}

func (l *Lock) has(file *os.File) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	for _, held := range l.files {
		if other, err := held.Stat(); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

// Release gives the locks up. The files stay, since removing them would race with the next taker.
func (l *Lock) Release() {
	for _, file := range l.files {
		file.Close()
	}
}

// Find says who holds the lock of one of these folders; held is false when nobody does.
func Find(dirs ...string) (holder Holder, held bool, err error) {
	for _, dir := range dirs {
		if holder, held, err = find(dir); held || err != nil {
			break
		}
	}
	return holder, held, err
}

func find(dir string) (holder Holder, held bool, err error) {
	file, err := os.Open(path(dir))
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
	holder, err = read(dir)
	return holder, true, err
}

func write(file *os.File, holder Holder) error {
	data, err := json.Marshal(holder)
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = file.WriteAt(append(data, '\n'), 0)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file.Name(), err)
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
