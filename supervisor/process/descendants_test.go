//go:build linux

package process

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// looks are the ways to find the descendants of a child that has ended.
var looks = map[string]func(mark string, bound time.Duration) (int, error){
	"among the orphans": EndDescendants,
	"among everybody":   func(mark string, bound time.Duration) (int, error) { return EndCarriers([]string{mark}, bound) },
	"without a reaper": func(mark string, bound time.Duration) (int, error) {
		h := hunt{among: (&family{}).orphans, variables: []string{mark}}
		return h.end(bound)
	},
}

// leave kills a shell that has said that its descendants are there.
func (s started) leave() {
	s.t.Helper()
	s.line()
	if err := s.Signal(syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.end()
}

// nobodyIsLeft waits until nobody has the shell's standard output any more: all its
// descendants do.
func (s started) nobodyIsLeft() {
	s.t.Helper()
	if _, err := io.Copy(io.Discard, s.out); err != nil {
		s.t.Errorf("somebody is left: %v", err)
	}
}

func TestNoDescendantSurvives(t *testing.T) {
	becomeReaper(t)
	for name, script := range map[string]string{
		"in a session of its own":      `setsid sh -c 'echo there; sleep 600' & read go`,
		"forked twice":                 `(setsid sh -c '(echo there; sleep 600) & exit') & read go`,
		"that cleared its environment": `setsid sh -c 'env -i sh -c "echo there; /bin/sleep 600"; read go' & read go`,
		"that is stopped":              `setsid sh -c 'echo there; kill -STOP $$; sleep 600' & read go`,
		"that takes no hint":           `setsid sh -c 'trap "" TERM HUP INT; echo there; sleep 600' & read go`,
		// In each round only one process is there, and it ends as soon as it has made the next.
		"that keeps moving": `setsid sh -c 'hop() { [ $1 -eq 50 ] && echo there; [ $1 -lt 400 ] || sleep 600; hop $(($1 + 1)) & exit; }; hop 0' & read go`,
		"of many":           `setsid sh -c 'grow() { [ $1 -eq 0 ] || { grow $(($1 - 1)) & grow $(($1 - 1)) & } ; sleep 600; }; echo there; grow 7' & read go`,
	} {
		for how, end := range looks {
			t.Run(name+", "+how, func(t *testing.T) {
				p := startShell(t, script)
				p.leave()
				if ended, err := end(p.mark, patience); err != nil || ended == 0 {
					t.Errorf("%d were ended, %v", ended, err)
				}
				p.nobodyIsLeft()
				if ended, err := end(p.mark, patience); err != nil || ended != 0 {
					t.Errorf("afterwards %d more, %v", ended, err)
				}
			})
		}
	}
}

func TestMoreDescendantsThanAreHeldAtOnceAreEnded(t *testing.T) {
	becomeReaper(t)
	p := startShell(t, `setsid sh -c 'n=0; while [ $n -lt 400 ]; do sleep 600 & n=$((n + 1)); done; echo there; wait' & read go`)
	p.leave()
	if ended, err := EndDescendants(p.mark, patience); err != nil || ended != 401 {
		t.Errorf("%d were ended, %v", ended, err)
	}
	p.nobodyIsLeft()
}

// echoes tells whether a process that copies its input to its output still does.
func (s started) echoes() bool {
	if _, err := s.in.WriteString("alive\n"); err != nil {
		return false
	}
	line, err := s.out.ReadString('\n')
	return err == nil && line == "alive\n"
}

func TestNobodyElseIsTouched(t *testing.T) {
	becomeReaper(t)
	const echo = `exec 3<&0; setsid sh -c 'echo there; exec cat' <&3 & read go`
	old := startShell(t, `setsid sh -c 'echo there; sleep 600' & read go`)
	other, replacement := startShell(t, echo), startShell(t, `exec 3<&0; setsid sh -c 'echo there; exec cat' <&3 & exec sleep 600`)
	stranger := exec.Command("cat") // as if somebody had copied the variable
	stranger.Env = []string{old.mark}
	in, out, err := pipes(stranger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = stranger.Wait() })
	other.leave() // its descendant is an orphan as well
	replacement.line()
	old.leave()
	if ended, err := EndDescendants(old.mark, patience); err != nil || ended == 0 {
		t.Errorf("%d were ended, %v", ended, err)
	}
	old.nobodyIsLeft()
	for name, alive := range map[string]func() bool{
		"the orphan of another child": other.echoes, "the descendant of one that runs": replacement.echoes,
		"a stranger": started{t: t, in: in, out: bufio.NewReader(out)}.echoes,
	} {
		if !alive() {
			t.Errorf("%s does not answer", name)
		}
	}
	if ended, err := EndDescendants(other.mark, patience); err != nil || ended != 1 {
		t.Errorf("of the other %d were ended, %v", ended, err)
	}
	_ = replacement.Signal(syscall.SIGKILL)
	replacement.end()
	if ended, err := EndCarriers([]string{"MARK=nobody's", replacement.mark}, patience); err != nil || ended != 1 {
		t.Errorf("of the replacement %d were ended, %v", ended, err)
	}
	other.nobodyIsLeft()
	replacement.nobodyIsLeft()
}

// pipes starts a command between two pipes.
func pipes(command *exec.Cmd) (in, out *os.File, err error) {
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer stdout.Close()
	command.Stdin, command.Stdout = stdin, stdout
	return in, out, command.Start()
}

// A number that was given to somebody else must not make him a descendant.
func TestWhoIsBelowANumberOfAProcessThatHasEndedIsAStranger(t *testing.T) {
	becomeReaper(t)
	ended, alive := startShell(t, "read go"), startShell(t, "echo there; sleep 600 & echo $!; read go")
	alive.line()
	child := alive.number()
	h := hunt{held: map[int]int{}}
	for _, p := range []started{ended, alive} {
		pidfd, err := unix.PidfdOpen(p.Pid(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pidfd)
		h.held[p.Pid()] = pidfd
	}
	isBelow := func(parent int) bool { is, _ := h.isBelow(parent)(child); return is }
	if !isBelow(alive.Pid()) {
		t.Error("its child is not below it")
	}
	if isBelow(ended.Pid()) {
		t.Error("somebody else's child is below it")
	}
	ended.in.Close()
	ended.end()
	h.held[alive.Pid()] = h.held[ended.Pid()] // as if the one that runs had got the number of the one that has ended
	if isBelow(alive.Pid()) {
		t.Error("a stranger's child is below it")
	}
}

func TestThisProcessIsNotEndedForAVariableOfItsOwn(t *testing.T) {
	environ, err := environOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	variable, _, _ := strings.Cut(string(environ[1:]), "\x00")
	h := hunt{among: func() ([]int, error) { return []int{os.Getpid()}, nil }, variables: []string{variable}}
	if ended, err := h.end(patience); err != nil || ended != 0 || !environ.has(variable) {
		t.Errorf("%d were ended, %v", ended, err)
	}
}

func TestTheHuntIsBounded(t *testing.T) {
	becomeReaper(t)
	p := startShell(t, `setsid sh -c 'echo there; sleep 600' & read go`)
	p.leave()
	next := 1 << 30
	h := hunt{variables: []string{p.mark}, among: func() ([]int, error) {
		next++ // somebody who has just ended, again and again
		return []int{next}, nil
	}}
	if _, err := h.end(time.Millisecond); err == nil || !strings.Contains(err.Error(), "faster than they can be ended") {
		t.Errorf("got %v", err)
	}
	if _, err := EndDescendants(p.mark, patience); err != nil {
		t.Error(err)
	}
	p.nobodyIsLeft()
}

func TestALookForDescendantsLeavesNothingBehind(t *testing.T) {
	becomeReaper(t)
	look := func(script string) {
		p := startShell(t, script)
		p.leave()
		p.in.Close()
		if _, err := EndDescendants(p.mark, patience); err != nil {
			t.Fatal(err)
		}
		p.nobodyIsLeft()
	}
	look("echo there; read go")
	before := entries(t, "/proc/self/fd")
	const more = 10
	for range more {
		look(`setsid sh -c 'echo there; sleep 600' & read go`)
	}
	if after := entries(t, "/proc/self/fd"); after > before+more { // the read end of each shell's output, until the test ends
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func BenchmarkALookThatFindsNobody(b *testing.B) {
	if err := BecomeReaper(); err != nil {
		b.Fatal(err)
	}
	var running []*Process
	for range 300 {
		p, err := Start(Spec{Path: "/bin/sleep", Args: []string{"sleep", "600"}})
		if err != nil {
			b.Fatal(err)
		}
		running = append(running, p)
	}
	for b.Loop() {
		if ended, err := EndDescendants("MARK=nobody's", patience); err != nil || ended != 0 {
			b.Fatalf("%d, %v", ended, err)
		}
	}
	for _, p := range running {
		_ = p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
}
