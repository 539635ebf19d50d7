//go:build linux

package cgroup

import (
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
		moved, _ := hierarchy{version: ByVersion2, own: "/" + folder}.delegate(controllers)
		fmt.Println(moved)
	case "takes all":
		for kept := [][]byte{}; ; {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		}
	case "bombs": // with a bound of its own; a shell, since Go's runtime gives up when it gets no thread
		becomeShell("(i=0; while [ $i -lt 300 ]; do sleep 600 & i=$((i+1)); done) 2>/dev/null; echo up; exec sleep 600")
	case "burns":
		becomeShell("echo up; while :; do :; done")
	case "examines":
		for _, c := range controllers {
			s := Examine(c)
			fmt.Printf("%s|%s|%s\n", s.By, s.Reason, s.Remedy)
		}
		fmt.Println(Open("/nowhere").Take("web-1", all) == nil)
		return
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

func becomeShell(script string) {
	panic(syscall.Exec("/bin/sh", []string{"sh", "-c", script}, os.Environ()))
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
	t.Cleanup(func() {
		g.Close()
		for _, b := range g.branches {
			if _, err := os.Stat(b.base); !os.IsNotExist(err) {
				t.Errorf("%s is left behind: %v", b.base, err)
			}
		}
		if _, err := os.Stat(g.record); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", g.record, err)
		}
	})
	return g
}

// need skips the test where one of the limits is not to be had.
func need(t *testing.T, g *Groups, needed ...Controller) {
	t.Helper()
	for _, c := range needed {
		if support := g.Support(c); support.By == ByNone {
			t.Skipf("no limit of %s here: %s", c, support.Reason)
		}
	}
}

var (
	memoryOnly = Limits{HardBytes: floor} // what a child gets that is not isolated
	all        = Limits{HardBytes: floor, Tasks: 64, CPUPercent: 20}
)

func take(t *testing.T, g *Groups, instance string) *Group {
	t.Helper()
	need(t, g, Memory)
	return takeWith(t, g, instance, memoryOnly)
}

func takeWith(t *testing.T, g *Groups, instance string, limits Limits) *Group {
	t.Helper()
	group := g.Take(instance, limits)
	if group == nil {
		t.Fatalf("no group for %+v: %+v", limits, g.support)
	}
	for _, c := range controllers {
		if err := group.Without(c); err != nil {
			t.Fatal(err)
		}
	}
	return group
}

// in returns the group's folder that has a controller.
func in(t *testing.T, group *Group, c Controller) string {
	t.Helper()
	f := group.with(c)
	if f == nil {
		t.Fatalf("the group has no %s: %v", c, group.lacks)
	}
	return f.path
}

func TestAChildThatTakesTooMuchDiesAloneAndTheReasonIsKnown(t *testing.T) {
	g := openGroups(t)
	innocent, guilty := take(t, g, "web-1"), take(t, g, "storage-1")
	neighbour := start(t, innocent, "waits")
	exit := start(t, guilty, "takes all").end()
	if err := guilty.Without(Memory); err != nil {
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
	if got := processes(in(t, group, Memory)); len(got) != 1 || got[0] != c.Pid() {
		t.Errorf("in the group are %v, want %d", got, c.Pid())
	}
	threads, err := filepath.Glob("/proc/self/task/*/cgroup")
	if err != nil || len(threads) == 0 {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if data, err := os.ReadFile(thread); err == nil && strings.Contains(string(data), filepath.Base(g.branches[0].base)) {
			t.Errorf("%s: a thread of the supervisor stayed: %s", thread, data)
		}
	}
}

func TestAGroupIsUsedAgainAndCountsAnew(t *testing.T) {
	g := openGroups(t)
	first := take(t, g, "web-1")
	start(t, first, "takes all").end()
	g.Spare("web-1", memoryOnly)
	second := take(t, g, "web-1")
	if second == first {
		t.Fatal("two children have one group")
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	third := take(t, g, "web-1")
	if third != first || third.Kills() != 0 {
		t.Errorf("%s is taken although %s is free, or it counts %d kills", in(t, third, Memory), in(t, first, Memory), third.Kills())
	}
	if other := take(t, g, "web-2"); other == first || other == second {
		t.Error("two instances have one group")
	}
	if g.Spare("web-1", memoryOnly); g.own["web-1"] != 2 {
		t.Errorf("there are %d groups", g.own["web-1"])
	}
}

func TestAnotherLimitTakesAnotherGroup(t *testing.T) {
	g := openGroups(t)
	first := take(t, g, "web-1")
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second := takeWith(t, g, "web-1", Limits{HardBytes: 2 * floor})
	if f := second.with(Memory); second == first || read(f.path, memoryLimit(f.version)) != fmt.Sprint(2*floor) {
		t.Errorf("%+v", second)
	}
	if _, err := os.Stat(in(t, first, Memory)); !os.IsNotExist(err) {
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
	for folder, want := range map[string]bool{in(t, first, Memory): false, in(t, second, Memory): false, in(t, other, Memory): true} {
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
	if got := processes(in(t, group, Memory)); len(got) != 1 || fmt.Sprint(got[0]) != c.first {
		t.Fatalf("the descendant %s is not there: %v", c.first, got)
	}
	if err := group.Release(); err != nil {
		t.Error(err)
	}
	if got := processes(in(t, group, Memory)); len(got) != 0 {
		t.Errorf("there are still %v", got)
	}
}

func TestWhatADeadRuntimeLeftIsRemoved(t *testing.T) {
	runDir := t.TempDir()
	dead := reopen(t, runDir)
	need(t, dead, controllers...)
	c := start(t, takeWith(t, dead, "web-1", all), "waits")
	next := reopen(t, runDir)
	c.end()
	for _, b := range next.branches {
		if left, _ := filepath.Glob(filepath.Join(b.base, "web-1.*")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	takeWith(t, next, "web-1", all)
}

func TestAChildOutsideIsBetterThanNone(t *testing.T) {
	group := take(t, openGroups(t), "web-1")
	if err := os.Remove(in(t, group, Memory)); err != nil {
		t.Fatal(err)
	}
	c := start(t, group, "waits")
	if group.Without(Memory) == nil || !c.Identity().Alive() {
		t.Errorf("nobody says that it is outside: %v", group.Without(Memory))
	}
}

func TestWithoutALimitThereIsNoGroup(t *testing.T) {
	for name, g := range map[string]*Groups{"none": {}, "some": openGroups(t)} {
		if group := g.Take("web-1", Limits{}); group != nil {
			t.Errorf("%s: %v", name, group)
		}
	}
}

// benchmarks are the kinds of children: not isolated, isolated, and isolated with a limit of CPU.
var benchmarks = map[string]Limits{
	"memory": memoryOnly, "memory and tasks": {HardBytes: floor, Tasks: 512}, "all": {HardBytes: floor, Tasks: 512, CPUPercent: 400},
}

func BenchmarkTheRestartPath(b *testing.B) {
	for name, limits := range benchmarks {
		b.Run(name, func(b *testing.B) {
			g := Open(b.TempDir())
			defer g.Close()
			for b.Loop() {
				group := g.Take("web-1", limits)
				if group == nil || group.broken {
					b.Skip(g.support)
				}
				_ = group.Place(&syscall.SysProcAttr{}, func() error { return nil })
				b.StopTimer()
				g.Spare("web-1", limits)
				if err := group.Release(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

func BenchmarkABirth(b *testing.B) {
	g := Open(b.TempDir())
	defer g.Close()
	places := map[string]func(*syscall.SysProcAttr, func() error) error{"outside": nil}
	for name, limits := range benchmarks {
		if group := g.Take("web-1", limits); group != nil {
			places[name] = group.Place
		}
	}
	for name, place := range places {
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
