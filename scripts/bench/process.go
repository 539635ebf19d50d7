package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Bounds of ending a process: first asked, then killed.
const (
	stopPatience = 20 * time.Second
	killPatience = 5 * time.Second
)

// retryPause is between two attempts of until. It is short against what is measured
// and long enough to leave the cores to the process that starts.
const retryPause = 500 * time.Microsecond

// A process that bench started. It has a process group of its own: Ctrl-C reaches
// bench alone, which then ends its processes in order.
type process struct {
	pid    int
	began  time.Time // the moment before the exec
	output string    // the file with its standard output and error
	exited chan struct{}
	err    error // of its exit; valid once exited is closed
}

func startProcess(cmd *exec.Cmd, output string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &process{output: output, exited: make(chan struct{}), began: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// until calls attempt until it succeeds, p exits, or the patience is over. It returns
// the last attempt's error, with what the process said last.
func (p *process) until(ctx context.Context, patience time.Duration, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := attempt(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("it ended (%v): %s", p.err, lastLine(p.output))
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w; it said last: %s", patience, err, lastLine(p.output))
		case <-time.After(retryPause):
		}
	}
}

// stop asks the process to end, and kills it and its descendants when it does not.
func (p *process) stop() error {
	family, err := familyOf(p.pid)
	if err != nil {
		family = nil // no /proc: the process group has to do
	}
	if err := syscall.Kill(p.pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop process %d: %w", p.pid, err)
	}
	select {
	case <-p.exited:
		// What outlives its parent is killed too; nothing may be left behind.
		return killAll(family)
	case <-time.After(stopPatience):
	}
	err = errors.Join(killAll(family), syscall.Kill(-p.pid, syscall.SIGKILL))
	select {
	case <-p.exited:
		return errors.Join(fmt.Errorf("process %d had to be killed: it did not stop within %s", p.pid, stopPatience), err)
	case <-time.After(killPatience):
		return errors.Join(fmt.Errorf("process %d cannot be killed", p.pid), err)
	}
}

// killAll kills those of the processes that are still the same ones, and names them.
func killAll(processes []procStat) error {
	var left error
	for _, old := range processes {
		now, err := readStat(old.pid)
		if err != nil || now.startTicks != old.startTicks || now.state == 'Z' {
			continue
		}
		left = errors.Join(left, fmt.Errorf("process %d (%s) outlived its parent and was killed", old.pid, old.command()))
		if err := syscall.Kill(old.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			left = errors.Join(left, err)
		}
	}
	return left
}
