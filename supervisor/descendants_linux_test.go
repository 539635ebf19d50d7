package supervisor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/runstate"
)

// leavers are children that have started somebody who does not stay with them.
var leavers = map[string]string{
	"in a session of its own": `starts setsid sh -c 'echo there; sleep 600' &`,
	"forked twice":            `starts (setsid sh -c '(echo there; sleep 600) & exit') &`,
	"that keeps moving":       `starts setsid sh -c 'hop() { [ $1 -eq 50 ] && echo there; [ $1 -lt 400 ] || exec sleep 600; hop $(($1 + 1)) & exit; }; hop 0' &`,
}

// withoutGroups takes the place of what control groups need.
func (r *runtime) withoutGroups() {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Join(r.paths.Run, "cgroup"), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// carriers counts the processes of an incarnation.
func carriers(incarnation string) int {
	return len(process.FindByEnvironment(plugins.IncarnationVariable(incarnation)))
}

// awaitDescendant waits until a child is seen with somebody that it has started. One that
// keeps moving is easily missed.
func (r *runtime) awaitDescendant(child client.Instance) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); carriers(child.Incarnation) < 2; time.Sleep(10 * time.Millisecond) { // there is no event to wait for
		if time.Now().After(deadline) {
			r.t.Fatalf("the descendants of %s are gone as well", child.Instance)
		}
	}
}

func TestNoDescendantSurvivesAChild(t *testing.T) {
	for _, groups := range []bool{false, true} {
		for name, behaviour := range leavers {
			t.Run(fmt.Sprintf("%s, control groups %v", name, groups), func(t *testing.T) {
				r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {behaviour: behaviour}, "other": {behaviour: leavers["forked twice"]}}, testSettings())
				if !groups {
					r.withoutGroups()
				}
				r.serve()
				r.awaitReady()
				if by := r.memory.groups.Support(cgroup.Memory).By; !groups && by != cgroup.ByNone {
					t.Fatalf("there are groups: %s", by)
				}
				old, other := r.instance("web"), r.instance("other")
				if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				r.await("it is replaced, and its end recorded", func() bool {
					now := r.instance("web")
					return now.Status == client.StatusReady && now.Pid != old.Pid && now.LastExit != nil
				})
				if left := carriers(old.Incarnation); left != 0 {
					t.Errorf("%d processes are left", left)
				}
				now := r.instance("web")
				for _, running := range []client.Instance{now, other} {
					r.awaitDescendant(running)
				}
				if err := r.stop(); err != nil {
					t.Error(err)
				}
				for _, ended := range []client.Instance{now, other} {
					if left := carriers(ended.Incarnation); left != 0 {
						t.Errorf("%d processes of %s have outlived the runtime", left, ended.Instance)
					}
				}
			})
		}
	}
}

// While an old child drains beside its replacement, both have descendants.
func TestARollingRestartEndsTheDescendantsOfTheOldChildOnly(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {behaviour: leavers["in a session of its own"]}}, testSettings())
	r.withoutGroups()
	r.serve()
	r.awaitReady()
	old := r.instance("web")
	if err := r.Restart(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	r.await("the old one's end is recorded", func() bool { return r.instance("web").LastExit != nil })
	if left := carriers(old.Incarnation); left != 0 {
		t.Errorf("%d processes are left", left)
	}
	r.awaitDescendant(r.instance("web"))
}

func TestWhatTheChildOfADeadRuntimeHadStartedIsEnded(t *testing.T) {
	base := tempDir(t)
	state, _, err := runstate.Open(filepath.Join(base, "run"))
	if err != nil {
		t.Fatal(err)
	}
	start := func(incarnation string) *process.Process {
		p, err := process.Start(process.Spec{
			Path: "/bin/sleep", Args: []string{"sleep", "600"}, Env: []string{plugins.IncarnationVariable(incarnation)},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.SignalGroup(syscall.SIGKILL); <-p.Done() })
		return p
	}
	child, descendant, unknown, stranger := start("known"), start("known"), start("unknown"), start("of another runtime")
	_ = child.Signal(syscall.SIGKILL)
	<-child.Done()
	for _, incarnation := range []string{"known", "unknown"} {
		if err := state.Starting("web", "web-1", runstate.Child{Incarnation: incarnation}); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.Started("web", "web-1", "known", child.Identity()); err != nil {
		t.Fatal(err)
	}
	r := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	r.serve()
	r.awaitReady()
	for _, left := range []*process.Process{descendant, unknown} {
		select {
		case <-left.Done():
		case <-time.After(patience):
			t.Errorf("process %d is left", left.Pid())
		}
	}
	if !stranger.Identity().Alive() {
		t.Error("a stranger was ended")
	}
	if status, err := r.Status(t.Context(), "web"); err != nil || len(status.Exits) != 0 {
		t.Errorf("descendants are recorded as children: %+v, %v", status.Exits, err)
	}
}

// An ordinary user cannot make control groups, and can look at his own processes only.
func TestNoDescendantSurvivesWithAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("the other tests run with an ordinary user already")
	}
	const nobody = 65534
	dir := tempDir(t)
	binary := filepath.Join(dir, "test")
	if err := copyProgram(binary, executable(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // for what the tests make
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "-test.run=^(TestNoDescendantSurvivesAChild|TestWhatTheChildOfADeadRuntimeHadStartedIsEnded)$", "-test.timeout=5m")
	command.Dir, command.Env = dir, append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if output, err := command.CombinedOutput(); err != nil || !bytes.Contains(output, []byte("PASS")) {
		t.Errorf("%v\n%s", err, output)
	}
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
