//go:build linux

package process

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 30 * time.Second

// started is a shell that runs a script. What it prints can be read; its standard input
// stays open until in is closed, so that "read" waits.
type started struct {
	*Process
	t    *testing.T
	in   *os.File
	out  *bufio.Reader
	mark string // a variable of its environment, which no other has
}

func startShell(t *testing.T, script string, more ...*os.File) started {
	t.Helper()
	stdin, in := pipe(t)
	out, stdout := pipe(t)
	defer stdin.Close()
	defer stdout.Close()
	stdin.Fd() // makes it blocking, as a shell expects; Start passes it on as it is
	if err := out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	mark := "MARK=" + rand.Text()
	p, err := Start(Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", script, "zero", "one"},
		Env: []string{"PATH=/usr/bin:/bin", mark, "COLOUR=blue"}, Dir: "/usr",
		Files: append([]*os.File{stdin, stdout}, more...),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := started{Process: p, t: t, in: in, out: bufio.NewReader(out), mark: mark}
	t.Cleanup(func() {
		_ = p.SignalGroup(syscall.SIGKILL)
		s.end()
	})
	return s
}

func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close(); write.Close() })
	return read, write
}

func (s started) line() string {
	s.t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (s started) number() int {
	s.t.Helper()
	var n int
	if _, err := fmt.Sscan(s.line(), &n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s started) end() Exit {
	s.t.Helper()
	select {
	case <-s.Done():
		return s.Exit()
	case <-time.After(patience):
		s.t.Fatal("its end is not noticed")
		return Exit{}
	}
}

func TestAnExitIsReportedAsItWas(t *testing.T) {
	for script, want := range map[string]string{
		"exit 0":        "exited with code 0",
		"exit 7":        "exited with code 7",
		"kill -TERM $$": "killed by SIGTERM",
		"kill -KILL $$": "killed by SIGKILL",
	} {
		if got := startShell(t, script).end().String(); got != want {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
	}
}

func TestAProcessLeadsAGroupOfItsOwn(t *testing.T) {
	p := startShell(t, "echo ready; read forever")
	p.line()
	group, err := syscall.Getpgid(p.Pid())
	if err != nil || group != p.Pid() || group == syscall.Getpgrp() {
		t.Errorf("its group is %d, its pid %d, our group %d: %v", group, p.Pid(), syscall.Getpgrp(), err)
	}
}

func TestAProcessHasWhatItWasGivenAndNothingElse(t *testing.T) {
	script := `cd -P . && echo $PWD $COLOUR $HOME $0 $1; readlink /proc/$$/fd/2; read line <&3; echo $line; [ -e /proc/$$/fd/4 ] || echo no more`
	inherited, ours := pipe(t)
	inherited.Fd() // blocking
	if _, err := ours.WriteString("from descriptor 3\n"); err != nil {
		t.Fatal(err)
	}
	p := startShell(t, script, nil, inherited)
	for _, want := range []string{"/usr blue zero one", os.DevNull, "from descriptor 3", "no more"} {
		if got := p.line(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAnEndIsNoticedAtOnce(t *testing.T) {
	fastest := patience
	for range 20 {
		p := startShell(t, "echo ready; read forever")
		p.line()
		killed := time.Now()
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.end()
		fastest = min(fastest, time.Since(killed))
	}
	if fastest > 20*time.Millisecond { // one of many is not delayed, however busy the machine
		t.Errorf("the fastest of 20 took %s", fastest)
	}
}

func TestWaitingForAProcessCostsNoThread(t *testing.T) {
	const children = 40
	startShell(t, "exit 0").end() // starts the threads that are needed anyway
	before := entries(t, "/proc/self/task")
	for range children {
		p := startShell(t, "echo ready; read forever")
		p.line()
	}
	if more := entries(t, "/proc/self/task") - before; more > children/2 {
		t.Errorf("%d children cost %d threads", children, more)
	}
}

func TestNobodyInTheGroupSurvivesItsLeader(t *testing.T) {
	for name, ending := range map[string]string{"killed": "kill -KILL $$", "exited": "exit 0"} {
		p := startShell(t, "sleep 600 & echo $!; read go; "+ending)
		pid := p.number()
		grandchild, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = unix.PidfdSendSignal(grandchild, unix.SIGKILL, nil, 0)
			unix.Close(grandchild)
		})
		p.in.Close()
		p.end()
		ended, err := unix.Poll([]unix.PollFd{{Fd: int32(grandchild), Events: unix.POLLIN}}, 5000)
		if ended != 1 {
			t.Errorf("%s: process %d lives on: %v", name, pid, err)
		}
	}
}

// A process that was reaped has given its number back, and a signal might hit somebody
// else. The lock is held here as it is while a signal is sent.
func TestAnEndedProcessKeepsItsNumberWhileASignalMayBeSent(t *testing.T) {
	for range 50 {
		p := startShell(t, "read forever")
		p.mu.Lock()
		p.in.Close()
		err := unix.Waitid(unix.P_PID, p.Pid(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		now, gone := Identify(p.Pid())
		p.mu.Unlock()
		if err != nil || gone != nil || now != p.Identity() {
			t.Fatalf("%+v became %+v: %v, %v", p.Identity(), now, err, gone)
		}
		p.end()
	}
}

func TestAProcessThatHasEndedTakesNoSignals(t *testing.T) {
	p := startShell(t, "exit 0")
	p.end()
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
	if err := p.SignalGroup(syscall.SIGKILL); !errors.Is(err, ErrGone) {
		t.Errorf("the group: got %v", err)
	}
}

func TestWhatCannotBeStartedIsNamed(t *testing.T) {
	folder := t.TempDir()
	plain := folder + "/plain"
	if err := os.WriteFile(plain, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder + "/missing", folder, plain} {
		if _, err := Start(Spec{Path: path, Args: []string{"x"}}); err == nil || !strings.Contains(err.Error(), "start "+path+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestStartsLeaveNothingBehind(t *testing.T) {
	start := func() {
		p, err := Start(Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "exit 0"}})
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if _, err := Start(Spec{Path: "/missing", Args: []string{"x"}}); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("/missing: %v", err)
		}
	}
	start() // opens what stays open
	before := entries(t, "/proc/self/fd")
	for range 50 {
		start()
	}
	if after := entries(t, "/proc/self/fd"); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if children.mu.Lock(); len(children.started) != 0 {
		t.Errorf("still taken for children: %v", children.started)
	}
	children.mu.Unlock()
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestSignalsHaveTheirUsualNames(t *testing.T) {
	for _, name := range []string{"SIGKILL", "sigkill", "KILL", " kill "} {
		if signal, err := ParseSignal(name); err != nil || signal != syscall.SIGKILL {
			t.Errorf("%s: %v %v", name, signal, err)
		}
	}
	if got := SignalName(syscall.SIGSTOP); got != "SIGSTOP" {
		t.Errorf("got %s", got)
	}
	for _, name := range []string{"", "SIGNOTHING", "9", "-1"} {
		if signal, err := ParseSignal(name); err == nil {
			t.Errorf("%q is %v", name, signal)
		}
	}
}
