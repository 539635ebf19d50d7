package process

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// children tells the children that Start made, whose exit somebody waits for, from
// orphans, which nobody knows.
var children = family{started: map[int]bool{}}

// family is locked from each fork until its pid is noted, and from each reaping until
// the pid is forgotten: in between, a child would look like an orphan.
type family struct {
	mu      sync.Mutex
	started map[int]bool
	reaper  bool // orphans come here
}

func (f *family) start(spec Spec, attributes *syscall.ProcAttr) (pid int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pid, _, err = syscall.StartProcess(spec.Path, spec.Args, attributes)
	if err == nil {
		f.started[pid] = true
	}
	return pid, err
}

// reap collects a child of start, which has ended or was sent SIGKILL.
func (f *family) reap(pid int) (status syscall.WaitStatus) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	delete(f.started, pid)
	return status
}

// sweep reaps the orphans that have ended. It stops at a child that somebody waits for;
// who reaps such a child sweeps again.
func (f *family) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.reaper {
		pid, err := firstZombie()
		if err != nil || pid == 0 || f.started[pid] || inOurSession(pid) {
			return
		}
		if reaped, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err != nil || reaped != pid {
			return
		}
	}
}

// firstZombie looks without reaping; 0: there is none.
func firstZombie() (pid int, err error) {
	// The fields of siginfo_t that a wait fills in (waitid(2)); pid is in a union,
	// which is aligned like a pointer.
	type childInfo struct {
		_   [3]int32
		_   [0]uintptr
		pid int32
	}
	var info unix.Siginfo
	err = unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return int((*childInfo)(unsafe.Pointer(&info)).pid), err
}

// inOurSession is true for children that were started by other means, such as os/exec.
// Those of Start and their descendants never are.
func inOurSession(pid int) bool {
	ours, err := unix.Getsid(0)
	theirs, failed := unix.Getsid(pid)
	return err != nil || failed != nil || ours == theirs
}

// BecomeReaper makes orphaned descendants children of this process (prctl(2),
// PR_SET_CHILD_SUBREAPER), and reaps them, for as long as this process lives. They are
// this process's anyway when it is the first of a container. Other children must be
// started with Start, or stay in this process's session.
func BecomeReaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of orphans: %w", err)
	}
	children.mu.Lock()
	defer children.mu.Unlock()
	if children.reaper {
		return nil
	}
	children.reaper = true
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			children.sweep()
		}
	}()
	return nil
}
