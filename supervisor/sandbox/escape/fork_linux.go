package escape

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// forkInto makes a process with one thread, with CLONE_ flags of its own, that makes one system call and ends with its
// error as exit code. Some calls need a process without other threads, which no Go
// program is, and hundreds of processes are cheap only without exec.
//
// The child shares nothing but a copy of memory in which no other goroutine runs, so it
// must not call anything but raw system calls. It dies with the thread that made it.
//
//go:norace
//go:nosplit
func forkInto(flags, trap, a1, a2, a3 uintptr) (int, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	_, _, errno = syscall.RawSyscall(trap, a1, a2, a3)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
	}
}

// alone makes a system call in a process with one thread and returns its error.
func alone(trap, a1, a2, a3 uintptr) error {
	pid, errno := forkInto(0, trap, a1, a2, a3)
	if errno != 0 {
		return errno
	}
	return endOf(pid)
}

// endOf waits for such a process and returns the error that it ended with.
func endOf(pid int) error {
	var status unix.WaitStatus
	if _, err := wait(pid, &status); err != nil {
		return err
	}
	switch {
	case status.Signaled():
		return fmt.Errorf("killed by %s", unix.SignalName(status.Signal()))
	case status.ExitStatus() == 0:
		return nil
	default:
		return syscall.Errno(status.ExitStatus())
	}
}

func wait(pid int, status *unix.WaitStatus) (int, error) {
	for {
		got, err := unix.Wait4(pid, status, unix.WALL, nil)
		if err != unix.EINTR {
			return got, err
		}
	}
}
