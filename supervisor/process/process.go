package process

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// Spec says what to start.
type Spec struct {
	Path  string     // executable, absolute
	Args  []string   // argv, with the program's name first
	Env   []string   // the whole environment
	Dir   string     // working directory
	Files []*os.File // descriptors 0, 1, 2, …; nil is /dev/null

	// Place calls fork, once or until it succeeds, and may change attributes before: it
	// chooses where the process is born, such as in a control group. nil: where its
	// parent is. Only on Linux.
	Place func(attributes *syscall.SysProcAttr, fork func() error) error
}

// Exit says how a process ended.
type Exit struct {
	Code   int            // -1: ended by Signal
	Signal syscall.Signal // 0: it exited by itself
	Core   bool           // it left a core dump
}

// String says it in words.
func (e Exit) String() string {
	if e.Signal != 0 {
		return "killed by " + SignalName(e.Signal)
	}
	return fmt.Sprintf("exited with code %d", e.Code)
}

// ErrGone is returned for a signal to a process that has ended.
var ErrGone = errors.New("the process has ended")

// Process is a child of this process: the leader of a session and a process group of
// its own, so that no terminal's signals reach it.
type Process struct {
	identity Identity
	done     chan struct{}

	mu   sync.Mutex // held while a signal is sent, so that none is sent after the reaping
	gone bool
	exit Exit
}

// Identity returns what tells this process from a later one with the same pid.
func (p *Process) Identity() Identity { return p.identity }

// Pid returns the process's id, which is also the id of its group.
func (p *Process) Pid() int { return p.identity.Pid }

// Done is closed when the process has ended and its group was killed.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit says how the process ended. It is valid after Done.
func (p *Process) Exit() Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(signal syscall.Signal) error { return p.kill(p.identity.Pid, signal) }

// SignalGroup sends a signal to the process and all that stayed in its group.
func (p *Process) SignalGroup(signal syscall.Signal) error {
	return p.kill(-p.identity.Pid, signal)
}

func (p *Process) kill(target int, signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return ErrGone
	}
	if err := syscall.Kill(target, signal); err != nil {
		return fmt.Errorf("send %s to process %d: %w", SignalName(signal), p.identity.Pid, err)
	}
	return nil
}

// reaped notes the end. The caller holds the lock since before it collected the exit
// status, so that no signal is sent to a number that is free again.
func (p *Process) reaped(exit Exit) {
	p.exit = exit
	p.gone = true
	close(p.done)
}

func exitFrom(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Code: -1, Signal: status.Signal(), Core: status.CoreDump()}
	}
	return Exit{Code: status.ExitStatus()}
}

// descriptors returns those of the files, and /dev/null, which stands in for nil ones.
func (s Spec) descriptors() ([]uintptr, *os.File, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	fds := make([]uintptr, len(s.Files))
	for i, file := range s.Files {
		if file == nil {
			file = null
		}
		if fds[i], err = descriptor(file); err != nil {
			null.Close()
			return nil, nil, fmt.Errorf("pass %s on: %w", file.Name(), err)
		}
	}
	return fds, null, nil
}

// descriptor returns a file's descriptor as it is. File.Fd would make it blocking, for
// every process that shares a listening socket with the new child.
func descriptor(file *os.File) (fd uintptr, err error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = conn.Control(func(number uintptr) { fd = number })
	return fd, err
}
