package escape

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Close ends the victims, the listeners and whatever process an attempt left behind, and
// removes all files and queues that the suite made. It may be called again.
func (t *Targets) Close() error {
	o := t.outside
	if o == nil {
		return nil
	}
	t.outside = nil
	o.cancel()
	for _, l := range o.listeners {
		l.close()
	}
	for _, victim := range o.victims {
		_ = victim.Process.Kill() // it may have ended, as its attempt intended
	}
	o.work.Wait()
	if o.leak >= 0 {
		unix.Close(o.leak)
	}
	if o.setBefore {
		os.Unsetenv(secretVariable)
	}
	t.removeQueues()
	for _, pid := range t.leftBehind() {
		t.endLeftBehind(pid)
	}
	return t.removeFiles()
}

// removeFiles removes what was planted and what attempts have written outside.
func (t *Targets) removeFiles() error {
	var errs []error
	for _, path := range append(t.written(), t.linkToSecret(), t.linkToFolder()) {
		if filepath.IsAbs(path) {
			errs = append(errs, ignoreMissing(os.Remove(path)))
		}
	}
	if t.Machine.Cgroup != "" {
		errs = append(errs, ignoreMissing(os.Remove(t.cgroupMade()))) // rmdir; its files are no files
	}
	if t.Own != "" {
		scratch, _ := filepath.Glob(filepath.Join(t.Own, t.name("*")))
		for _, path := range scratch {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(t.Dir))...)
}

func ignoreMissing(err error) error {
	// Where nobody may write, as in /etc for an ordinary user, nothing was written, and
	// where the way there does not exist neither.
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	return err
}

// leftBehind finds the attempts' processes that still run: they have the token in their
// argv. Zombies have none.
func (t *Targets) leftBehind() []int {
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && pid != os.Getpid() && t.isAttempt(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (t *Targets) isAttempt(pid int) bool {
	argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.HasSuffix(argv, []byte("\x00"+t.Token+"\x00"))
}

// endLeftBehind kills by pidfd, so that no stranger who got the number is hit.
func (t *Targets) endLeftBehind(pid int) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(pidfd)
	if !t.isAttempt(pid) {
		return
	}
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
		return
	}
	const bound = 5000 // milliseconds
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, bound)
}
