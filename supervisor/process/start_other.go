//go:build !linux

package process

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
)

// Start runs spec in a session of its own.
func Start(spec Spec) (*Process, error) {
	fds, null, err := spec.descriptors()
	if err != nil {
		return nil, err
	}
	defer null.Close()
	pid, _, err := syscall.StartProcess(spec.Path, spec.Args, &syscall.ProcAttr{
		Dir: spec.Dir, Env: spec.Env, Files: fds,
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	runtime.KeepAlive(spec.Files)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	p := &Process{identity: Identity{Pid: pid}, done: make(chan struct{})}
	go p.watch()
	return p, nil
}

// watch reaps the process, then kills what is left of its group: without waitid(2) the
// other order is not to be had.
func (p *Process) watch() {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.identity.Pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.identity.Pid, syscall.SIGKILL)
	p.reaped(exitFrom(status))
}

// BecomeReaper does nothing: only Linux has subreapers.
func BecomeReaper() error { return nil }
