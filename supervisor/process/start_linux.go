package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start runs spec in a session of its own.
func Start(spec Spec) (*Process, error) {
	fds, null, err := spec.descriptors()
	if err != nil {
		return nil, err
	}
	defer null.Close()
	pidfd := -1
	pid, err := spec.fork(fds, &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd})
	runtime.KeepAlive(spec.Files)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	p := &Process{done: make(chan struct{})}
	p.identity, err = Identify(pid)
	if err != nil {
		// It cannot be gone, as nobody has reaped it; without its start time we go on.
		p.identity = Identity{Pid: pid}
	}
	watched, err := pollable(pid, pidfd)
	if err != nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		children.reap(pid)
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	go p.watch(watched)
	return p, nil
}

// fork makes the process, where spec wants it.
func (s Spec) fork(fds []uintptr, attributes *syscall.SysProcAttr) (pid int, err error) {
	fork := func() error {
		var err error
		pid, err = children.start(s, &syscall.ProcAttr{Dir: s.Dir, Env: s.Env, Files: fds, Sys: attributes})
		return err
	}
	if s.Place != nil {
		err = s.Place(attributes, fork)
	} else {
		err = fork()
	}
	return pid, err
}

// pollable makes a pidfd a file that Go's network poller watches.
func pollable(pid, pidfd int) (*os.File, error) {
	if pidfd < 0 { // a kernel before 5.2
		var err error
		if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			return nil, err
		}
	}
	if err := unix.SetNonblock(pidfd, true); err != nil {
		return nil, errors.Join(err, unix.Close(pidfd))
	}
	return os.NewFile(uintptr(pidfd), "pidfd"), nil
}

// watch waits for the end of the process and cleans up.
func (p *Process) watch(pidfd *os.File) {
	p.awaitEnd(pidfd)
	p.reap()
	children.sweep() // the rest of the group are orphans now
}

// reap kills what is left of the group and collects the exit status: in this order,
// since only an unreaped leader keeps the group's number from being given to somebody else.
func (p *Process) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.identity.Pid, syscall.SIGKILL)
	p.reaped(exitFrom(children.reap(p.identity.Pid)))
}

// awaitEnd returns when the process has ended, and has then no more use for its pidfd.
func (p *Process) awaitEnd(pidfd *os.File) {
	defer pidfd.Close()
	conn, err := pidfd.SyscallConn()
	if err == nil {
		err = conn.Read(func(uintptr) bool { return p.hasEnded() })
	}
	if err != nil { // the poller does not take it: block a thread instead
		p.blockUntilEnded()
	}
}

// hasEnded looks without reaping.
func (p *Process) hasEnded() bool { return p.wait(unix.WNOHANG) }

func (p *Process) blockUntilEnded() {
	for !p.wait(0) {
		continue
	}
}

func (p *Process) wait(flags int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.identity.Pid, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
	if errors.Is(err, unix.EINTR) {
		return false
	}
	return err != nil || info.Signo != 0
}
