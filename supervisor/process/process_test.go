//go:build linux

package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 30 * time.Second

// started is a shell that runs a script; what it prints can be read.
type started struct {
	*Process
	t   *testing.T
	out *bufio.Reader
}

func startShell(t *testing.T, script string) started {
	t.Helper()
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	p, err := Start(Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Files: []*os.File{nil, theirs}})
	if err != nil {
		t.Fatal(err)
	}
	s := started{Process: p, t: t, out: bufio.NewReader(ours)}
	t.Cleanup(func() {
		_ = p.SignalGroup(syscall.SIGKILL)
		s.end()
		ours.Close()
	})
	return s
}

func (s started) line() string {
	s.t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(line)
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

func TestNobodyInTheGroupSurvivesItsLeader(t *testing.T) {
	p := startShell(t, "sleep 600 & echo $!; kill -KILL $$")
	var grandchild int
	if _, err := fmt.Sscan(p.line(), &grandchild); err != nil {
		t.Fatal(err)
	}
	p.end()
	// The pipe's last writer is the grandchild, so the end of the pipe is its end.
	if rest, err := p.out.ReadString(0); rest != "" || err == nil {
		t.Errorf("still printed: %q", rest)
	}
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", grandchild)); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("process %d lives on: %s", grandchild, stat)
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

func TestAnIdentityIsOfOneProcessOnly(t *testing.T) {
	p := startShell(t, "echo ready; read forever")
	p.line()
	identity := p.Identity()
	again, err := Identify(p.Pid())
	if err != nil || again != identity || !identity.Alive() {
		t.Errorf("%+v, then %+v: %v", identity, again, err)
	}
	for name, change := range map[string]func(*Identity){
		"an earlier process with the pid": func(i *Identity) { i.Start-- },
		"a process of an earlier boot":    func(i *Identity) { i.Boot = "another" },
	} {
		stranger := identity
		change(&stranger)
		if stranger.Alive() {
			t.Errorf("%s is taken for this one", name)
		}
		if err := stranger.KillGroup(patience); err != nil || !identity.Alive() {
			t.Errorf("%s: the wrong process was killed: %v", name, err)
		}
	}
	if err := identity.KillGroup(patience); err != nil {
		t.Fatal(err)
	}
	if got := p.end(); got.Signal != syscall.SIGKILL {
		t.Errorf("it ended with %s", got)
	}
	if identity.Alive() {
		t.Error("it is alive after its end")
	}
}

func TestWhatCannotBeStartedIsNamed(t *testing.T) {
	folder := t.TempDir()
	plain := folder + "/plain"
	if err := os.WriteFile(plain, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder + "/missing", folder, plain} {
		if _, err := Start(Spec{Path: path, Args: []string{"x"}}); err == nil || !strings.Contains(err.Error(), "start "+path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestStartsLeaveNoDescriptorsBehind(t *testing.T) {
	startShell(t, "exit 0").end() // opens what stays open
	before := descriptors(t)
	for range 50 {
		p, err := Start(Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "exit 0"}})
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if _, err := Start(Spec{Path: "/missing", Args: []string{"x"}}); err == nil {
			t.Fatal("/missing was started")
		}
	}
	// The pidfd is closed by the watcher, in the moment after Done.
	expired := time.Now().Add(patience)
	for after := descriptors(t); after > before+1; after = descriptors(t) {
		if time.Now().After(expired) {
			t.Fatalf("%d descriptors before, %d after", before, after)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestUsageIsWhatTheKernelSays(t *testing.T) {
	usage, err := UsageOf(os.Getpid(), true)
	if err != nil {
		t.Fatal(err)
	}
	if usage.RSSBytes < 1<<20 || usage.PSSBytes < 1<<20 || usage.PSSBytes > 2*usage.RSSBytes {
		t.Errorf("got %+v", usage)
	}
	if _, err := UsageOf(1<<22+1, false); err == nil { // above the highest pid (proc_sys_kernel(5))
		t.Error("a process that cannot be has usage")
	}
}

func TestTheStatLineIsReadWhateverTheProgramIsCalled(t *testing.T) {
	fields := " S 1 2 3 4 5 6 7 8 9 10 100 200 13 14 15 16 17 18 4242 20"
	for name, line := range map[string]string{"plain": "1 (sh)", "parentheses": "1 (a) R (b))", "spaces": "1 (x y z)"} {
		got, err := parseStat([]byte(line + fields))
		if err != nil || got.cpuTicks != 300 || got.start != 4242 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for _, line := range []string{"", "1 (sh", "1 (sh) S 1", "1 (sh) S" + strings.Repeat(" x", 30)} {
		if _, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
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
