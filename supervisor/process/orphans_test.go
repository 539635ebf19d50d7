//go:build linux

package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func becomeReaper(t *testing.T) {
	t.Helper()
	if err := BecomeReaper(); err != nil {
		t.Fatal(err)
	}
}

// awaitReaped waits until a pid is not even that of a zombie.
func awaitReaped(t *testing.T, pid int) {
	t.Helper()
	for expires := time.Now().Add(patience); ; runtime.Gosched() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		if time.Now().After(expires) {
			t.Fatalf("not reaped: %s", stat)
		}
	}
}

func TestTheRestOfAGroupIsReaped(t *testing.T) {
	becomeReaper(t)
	p := startShell(t, `exec 3<&0; sleep 600 & echo $!; sh -c 'sleep 600 & echo $!; read go' <&3 & echo $!; read go`)
	pids := []int{p.number(), p.number(), p.number()}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.end()
	for _, pid := range pids {
		awaitReaped(t, pid)
	}
}

func TestAnOrphanThatLeftItsGroupIsReapedWhenItEnds(t *testing.T) {
	becomeReaper(t)
	p := startShell(t, `exec 3<&0; setsid sh -c 'echo $$; read go' <&3 & read go`)
	orphan := p.number()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.end()
	if err := syscall.Kill(orphan, 0); err != nil {
		t.Fatalf("it is gone too early: %v", err)
	}
	p.in.Close()
	awaitReaped(t, orphan)
}

// While the leader is not reaped, a sweep sees the leader and stops.
func TestAnOrphanThatEndsBeforeItsLeaderIsReapedIsNotForgotten(t *testing.T) {
	becomeReaper(t)
	p := startShell(t, "sleep 600 & echo $!; read go")
	orphan := p.number()
	p.mu.Lock()
	err := syscall.Kill(-p.Pid(), syscall.SIGKILL)
	for _, pid := range []int{p.Pid(), orphan} {
		ended := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if pid == orphan && errors.Is(ended, unix.ECHILD) {
			continue // it ended before its leader, and was reaped already: what is asked for below
		}
		err = errors.Join(err, ended)
	}
	children.sweep()
	p.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	p.end()
	awaitReaped(t, orphan)
}

func TestTheReaperTakesNobodysExit(t *testing.T) {
	becomeReaper(t)
	for code := range 50 {
		other := exec.Command("/bin/sh", "-c", fmt.Sprint("exit ", code))
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		p := startShell(t, fmt.Sprint("sleep 600 & exit ", code))
		if got := p.end().Code; got != code {
			t.Errorf("a process that exits with %d: %d", code, got)
		}
		children.sweep()
		if _ = other.Wait(); other.ProcessState == nil || other.ProcessState.ExitCode() != code {
			t.Errorf("a process of os/exec that exits with %d: %v", code, other.ProcessState)
		}
	}
}
