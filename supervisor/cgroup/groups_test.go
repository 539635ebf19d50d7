//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/process"
)

const (
	patience = 30 * time.Second
	floor    = 128 << 20 // bytes, enough for a child
)

// TestMain lets the test binary be the child: as "child BEHAVIOUR".
func TestMain(m *testing.M) {
	if os.Args[0] == "child" {
		behave(os.Args[1])
		return
	}
	os.Exit(m.Run())
}

func behave(behaviour string) {
	behaviour, folder, _ := strings.Cut(behaviour, " /")
	switch behaviour {
	case "delegates":
		moved, _ := hierarchy{files: version2, own: "/" + folder}.delegate()
		fmt.Println(moved)
	case "takes all":
		for kept := [][]byte{}; ; {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		}
	case "leaves a descendant":
		descendant := exec.Command("sleep", "600")
		descendant.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // where no signal to the group reaches it
		if err := descendant.Start(); err != nil {
			panic(err)
		}
		fmt.Println(descendant.Process.Pid)
	}
	fmt.Println("up")
	time.Sleep(time.Hour) // until it is killed; Go ends a program that waits for nothing
}

// child is a process in a group.
type child struct {
	*process.Process
	t     *testing.T
	first string // what it printed first
}

// start starts a child in a group and waits until it is up, unless it is one that takes all.
func start(t *testing.T, group *Group, behaviour string) child {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	p, err := process.Start(process.Spec{
		Path: path, Args: []string{"child", behaviour}, Env: append(os.Environ(), "GORACE=atexit_sleep_ms=0"),
		Files: []*os.File{nil, theirs}, Place: group.Place,
	})
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	c := child{Process: p, t: t}
	t.Cleanup(func() {
		_ = p.Signal(syscall.SIGKILL)
		c.end()
	})
	if behaviour == "takes all" {
		return c
	}
	for line := ""; line != "up"; {
		if _, err := fmt.Fscanln(ours, &line); err != nil {
			t.Fatal(err)
		}
		if c.first == "" {
			c.first = line
		}
	}
	return c
}

func (c child) end() process.Exit {
	c.t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		c.t.Fatal("it does not end")
	}
	return c.Exit()
}

// openGroups opens groups of a run directory of the test's own, for real, and asserts
// that nothing of them stays.
func openGroups(t *testing.T) *Groups {
	t.Helper()
	return reopen(t, t.TempDir())
}

func reopen(t *testing.T, runDir string) *Groups {
	t.Helper()
	g := Open(runDir)
	if g.Support().By == ByNone {
		t.Skipf("no control groups here: %s", g.Support().Reason)
	}
	t.Cleanup(func() {
		g.Close()
		if _, err := os.Stat(g.base); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", g.base, err)
		}
		if _, err := os.Stat(g.record); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", g.record, err)
		}
	})
	return g
}

func take(t *testing.T, g *Groups, instance string) *Group {
	t.Helper()
	group, err := g.Take(instance, floor)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

func TestAChildThatTakesTooMuchDiesAloneAndTheReasonIsKnown(t *testing.T) {
	g := openGroups(t)
	innocent, guilty := take(t, g, "web-1"), take(t, g, "storage-1")
	neighbour := start(t, innocent, "waits")
	exit := start(t, guilty, "takes all").end()
	if err := guilty.Outside(); err != nil {
		t.Fatal(err)
	}
	if exit.Signal != syscall.SIGKILL || guilty.Kills() != 1 {
		t.Errorf("it %s, %d were killed", exit, guilty.Kills())
	}
	if !neighbour.Identity().Alive() {
		t.Errorf("its neighbour %s", neighbour.Exit())
	}
	if innocent.Kills() != 0 {
		t.Errorf("%d were killed in its neighbour's group", innocent.Kills())
	}
	if err := guilty.Release(); err != nil {
		t.Error(err)
	}
}

func TestAKilledChildIsNotCounted(t *testing.T) {
	group := take(t, openGroups(t), "web-1")
	c := start(t, group, "waits")
	if err := c.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if exit := c.end(); exit.Signal != syscall.SIGKILL || group.Kills() != 0 {
		t.Errorf("it %s, %d are said to be killed by the kernel", exit, group.Kills())
	}
}

func TestAChildIsBornInItsGroupAndTheSupervisorStaysInItsOwn(t *testing.T) {
	g := openGroups(t)
	group := take(t, g, "web-1")
	c := start(t, group, "waits")
	if got := processes(group.folder); len(got) != 1 || got[0] != c.Pid() {
		t.Errorf("in the group are %v, want %d", got, c.Pid())
	}
	threads, err := filepath.Glob("/proc/self/task/*/cgroup")
	if err != nil || len(threads) == 0 {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if data, err := os.ReadFile(thread); err == nil && strings.Contains(string(data), filepath.Base(g.base)) {
			t.Errorf("%s: a thread of the supervisor stayed: %s", thread, data)
		}
	}
}

func TestAGroupIsUsedAgainAndCountsAnew(t *testing.T) {
	g := openGroups(t)
	first := take(t, g, "web-1")
	start(t, first, "takes all").end()
	if err := g.Spare("web-1", floor); err != nil {
		t.Fatal(err)
	}
	second := take(t, g, "web-1")
	if second == first {
		t.Fatal("two children have one group")
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	third := take(t, g, "web-1")
	if third != first || third.Kills() != 0 {
		t.Errorf("%s was made although %s is free, or it counts %d kills", third.folder, first.folder, third.Kills())
	}
	if other := take(t, g, "web-2"); other == first || other == second {
		t.Error("two instances have one group")
	}
	if err := g.Spare("web-1", floor); err != nil || g.own["web-1"] != 2 {
		t.Errorf("there are %d groups, %v", g.own["web-1"], err)
	}
}

func TestAnotherLimitTakesAnotherGroup(t *testing.T) {
	g := openGroups(t)
	first := take(t, g, "web-1")
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := g.Take("web-1", 2*floor)
	if err != nil || second == first || read(second.folder, g.place.limit) != fmt.Sprint(2*floor) {
		t.Errorf("%+v %v", second, err)
	}
	if _, err := os.Stat(first.folder); !os.IsNotExist(err) {
		t.Errorf("the other one stays: %v", err)
	}
}

func TestNothingIsKeptForAnInstanceThatIsGone(t *testing.T) {
	g := openGroups(t)
	first, second := take(t, g, "web-2"), take(t, g, "web-2")
	other := take(t, g, "web-1")
	for _, group := range []*Group{first, second, other} {
		if err := group.Release(); err != nil {
			t.Fatal(err)
		}
	}
	g.Forget("web-2")
	for folder, want := range map[string]bool{first.folder: false, second.folder: false, other.folder: true} {
		if _, err := os.Stat(folder); (err == nil) != want {
			t.Errorf("%s is there: %v", folder, err == nil)
		}
	}
	if len(g.free) != 1 || len(g.own) != 1 {
		t.Errorf("it remembers %v, %v", g.free, g.own)
	}
	if again := take(t, g, "web-2"); again == first || again == second {
		t.Error("an instance of the same name gets a group that was given up")
	}
}

func TestNothingSurvivesInAGroupThatIsReleased(t *testing.T) {
	group := take(t, openGroups(t), "web-1")
	c := start(t, group, "leaves a descendant")
	_ = c.Signal(syscall.SIGKILL)
	c.end()
	if got := processes(group.folder); len(got) != 1 || fmt.Sprint(got[0]) != c.first {
		t.Fatalf("the descendant %s is not there: %v", c.first, got)
	}
	if err := group.Release(); err != nil {
		t.Error(err)
	}
	if got := processes(group.folder); len(got) != 0 {
		t.Errorf("there are still %v", got)
	}
}

func TestWhatADeadRuntimeLeftIsRemoved(t *testing.T) {
	runDir := t.TempDir()
	dead := reopen(t, runDir)
	c := start(t, take(t, dead, "web-1"), "waits")
	next := reopen(t, runDir)
	c.end()
	if left, _ := filepath.Glob(filepath.Join(next.base, "web-1.*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	take(t, next, "web-1")
}

func TestAChildOutsideIsBetterThanNone(t *testing.T) {
	group := take(t, openGroups(t), "web-1")
	if err := os.Remove(group.folder); err != nil {
		t.Fatal(err)
	}
	c := start(t, group, "waits")
	if group.Outside() == nil || !c.Identity().Alive() {
		t.Errorf("nobody says that it is outside: %v", group.Outside())
	}
}

func TestWithoutALimitThereIsNoGroup(t *testing.T) {
	for name, g := range map[string]*Groups{"none": {support: Support{By: ByNone}}, "some": openGroups(t)} {
		if group, err := g.Take("web-1", 0); group != nil || err != nil {
			t.Errorf("%s: %v %v", name, group, err)
		}
	}
}

func BenchmarkTheRestartPath(b *testing.B) {
	g := Open(b.TempDir())
	if g.Support().By == ByNone {
		b.Skip(g.Support().Reason)
	}
	defer g.Close()
	for b.Loop() {
		group, err := g.Take("web-1", floor)
		if err != nil {
			b.Fatal(err)
		}
		_ = group.Place(&syscall.SysProcAttr{}, func() error { return nil })
		b.StopTimer()
		if err := errors.Join(g.Spare("web-1", floor), group.Release()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkABirth(b *testing.B) {
	g := Open(b.TempDir())
	if g.Support().By == ByNone {
		b.Skip(g.Support().Reason)
	}
	defer g.Close()
	group, err := g.Take("web-1", floor)
	if err != nil {
		b.Fatal(err)
	}
	for name, place := range map[string]func(*syscall.SysProcAttr, func() error) error{"inside": group.Place, "outside": nil} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := process.Start(process.Spec{Path: "/bin/true", Args: []string{"true"}, Place: place})
				if err != nil {
					b.Fatal(err)
				}
				<-p.Done()
			}
		})
	}
}
