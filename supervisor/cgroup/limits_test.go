//go:build linux

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheTwoVersionsCallTheSameLimitsByDifferentNames(t *testing.T) {
	for c, want := range map[Controller]struct{ version1, version2 string }{
		Memory: {"memory.limit_in_bytes=134217728 memory.memsw.limit_in_bytes=134217728?", "memory.max=134217728 memory.swap.max=0?"},
		Tasks:  {"pids.max=64", "pids.max=64"},
		CPU:    {"cpu.cfs_quota_us=20000", "cpu.max=20000 100000"},
	} {
		for version, want := range map[By]string{ByVersion1: want.version1, ByVersion2: want.version2} {
			var got []string
			for _, s := range all.settings(version, c) {
				got = append(got, s.file+"="+s.text+strings.Repeat("?", map[bool]int{true: 1}[s.optional]))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s, %s: %q, want %q", c, version, got, want)
			}
			if none := (Limits{}).settings(version, c); len(none) != 0 {
				t.Errorf("%s, %s: no limit is %v", c, version, none)
			}
		}
	}
}

func TestEachControllerIsFoundInItsHierarchy(t *testing.T) {
	const pids = "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
	together := strings.NewReplacer("/cpu ", "/cpu,cpuacct ", "rw,cpu\n", "rw,cpu,cpuacct\n").Replace(mountCPU)
	for name, test := range map[string]struct {
		mounts, groups string
		controller     Controller
		version        By
		own            string
	}{
		"pids":                    {mountCPU + mount1 + pids, "8:pids:/a\n4:memory:/b\n1:cpu:/\n", Tasks, ByVersion1, "/sys/fs/cgroup/pids/a"},
		"cpu":                     {mountCPU + mount1 + pids, "8:pids:/a\n4:memory:/b\n1:cpu:/\n", CPU, ByVersion1, "/sys/fs/cgroup/cpu"},
		"cpu and cpuacct are one": {together + mount1, "4:memory:/b\n1:cpu,cpuacct:/c\n", CPU, ByVersion1, "/sys/fs/cgroup/cpu,cpuacct/c"},
		"cpuacct and cpuset are not cpu": {
			strings.ReplaceAll(mountCPU, "rw,cpu\n", "rw,cpuacct\n") + mount1, "4:memory:/b\n2:cpuacct:/c\n3:cpuset:/d\n", CPU, "", "",
		},
		"all are one":               {mount2, "0::/x\n", Tasks, ByVersion2, "/sys/fs/cgroup/x"},
		"memory alone at version 1": {mount1 + unified, "4:memory:/a\n0::/b\n", Tasks, ByVersion2, "/sys/fs/cgroup/unified/b"},
	} {
		h, err := locate(test.mounts, test.groups, test.controller)
		if h.version != test.version || h.own != test.own && test.own != "" || (err == nil) != (test.own != "") {
			t.Errorf("%s: %+v %v", name, h, err)
		}
	}
}

func TestALimitIsWrittenAndAFileThatIsMissingIsNoLimit(t *testing.T) {
	f := folder{branch: &branch{hierarchy: hierarchy{version: ByVersion2}}, path: t.TempDir()}
	for _, file := range []string{"memory.max", "pids.max"} { // no cpu.max, and no memory.swap.max
		if err := os.WriteFile(filepath.Join(f.path, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for c, want := range map[Controller]bool{Memory: true, Tasks: true, CPU: false} {
		if err := f.set(c, all); (err == nil) != want {
			t.Errorf("%s: %v", c, err)
		}
	}
	if memory, tasks := read(f.path, "memory.max"), read(f.path, "pids.max"); memory != fmt.Sprint(floor) || tasks != "64" {
		t.Errorf("memory %q, tasks %q", memory, tasks)
	}
}

func TestAForkBombIsBoundedAndEndsWithItsGroup(t *testing.T) {
	g := openGroups(t)
	need(t, g, Tasks)
	group := takeWith(t, g, "web-1", Limits{Tasks: 64})
	start(t, group, "bombs")
	folder := in(t, group, Tasks)
	if err := group.Without(Tasks); err != nil {
		t.Fatal(err)
	}
	now, refused := len(processes(folder)), lineOf(folder, "pids.events", "max")
	if now < 32 || now > 64 || refused == 0 { // the shell that was refused a process has ended
		t.Errorf("there are %d processes, and %d were refused", now, refused)
	}
	if err := group.Release(); err != nil {
		t.Error(err)
	}
	if left := processes(folder); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if again := takeWith(t, g, "web-1", Limits{Tasks: 64}); again != group {
		t.Error("the group is not used again")
	}
}

func TestAChildThatBurnsWaits(t *testing.T) {
	g := openGroups(t)
	need(t, g, CPU)
	little := Limits{CPUPercent: 1} // even a crowded machine gives it more than that
	group := takeWith(t, g, "web-1", little)
	start(t, group, "burns")
	folder := in(t, group, CPU)
	for deadline := time.Now().Add(patience); lineOf(folder, "cpu.stat", "nr_throttled") == 0; time.Sleep(10 * time.Millisecond) { // there is no event to wait for
		if time.Now().After(deadline) {
			t.Fatal(read(folder, "cpu.stat"))
		}
	}
	if err := group.Release(); err != nil {
		t.Error(err)
	}
	if next := takeWith(t, g, "web-1", little); next != group {
		t.Error("the group is not used again")
	}
}

func TestAChildIsBornWithAllItsLimitsAndTheSupervisorStaysWhereItIs(t *testing.T) {
	g := openGroups(t)
	need(t, g, controllers...)
	group := takeWith(t, g, "web-1", all)
	c := start(t, group, "waits")
	for _, controller := range controllers {
		if got := processes(in(t, group, controller)); !slices.Equal(got, []int{c.Pid()}) {
			t.Errorf("in its group of %s are %v, want %d", controller, got, c.Pid())
		}
		if err := group.Without(controller); err != nil {
			t.Error(err)
		}
	}
	threads, err := filepath.Glob("/proc/self/task/*/cgroup")
	if err != nil || len(threads) == 0 {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if data, err := os.ReadFile(thread); err == nil && bytes.Contains(data, []byte(filepath.Base(g.branches[0].base))) {
			t.Errorf("%s: a thread of the supervisor stayed: %s", thread, data)
		}
	}
}

func TestWhatIsNotLimitedHasNoFolder(t *testing.T) {
	g := openGroups(t)
	need(t, g, controllers...)
	take(t, g, "web-1")
	for _, b := range g.branches {
		made, _ := filepath.Glob(filepath.Join(b.base, "web-1.*"))
		if want := slices.Contains(b.controllers, Memory); (len(made) == 1) != want {
			t.Errorf("of %v there are %v", b.controllers, made)
		}
	}
}

func TestOtherLimitsTakeAnotherGroupInAllHierarchies(t *testing.T) {
	g := openGroups(t)
	need(t, g, controllers...)
	first := takeWith(t, g, "web-1", all)
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if second := takeWith(t, g, "web-1", Limits{HardBytes: floor, Tasks: 65, CPUPercent: 20}); second == first {
		t.Error("a group with other limits is used")
	}
	for _, f := range first.folders {
		if _, err := os.Stat(f.path); !os.IsNotExist(err) {
			t.Errorf("%s stays: %v", f.path, err)
		}
	}
}

func TestOneLimitThatCannotBeHadCostsNoOther(t *testing.T) {
	g := openGroups(t)
	need(t, g, controllers...)
	var gone *branch
	for _, b := range g.branches {
		if slices.Equal(b.controllers, []Controller{Tasks}) {
			gone = b
		}
	}
	if gone == nil {
		t.Skip("here they are one")
	}
	if err := os.Remove(gone.base); err != nil {
		t.Fatal(err)
	}
	group := g.Take("web-1", all)
	c := start(t, group, "waits")
	if err := group.Without(Tasks); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it says %v", err)
	}
	if group.Without(Memory) != nil || group.Without(CPU) != nil || !slices.Equal(processes(in(t, group, CPU)), []int{c.Pid()}) {
		t.Errorf("memory: %v, cpu: %v", group.Without(Memory), group.Without(CPU))
	}
	_ = c.Signal(syscall.SIGKILL)
	c.end()
	if err := group.Release(); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(gone.base, 0o755); err != nil {
		t.Fatal(err)
	}
	takeWith(t, g, "web-1", all) // complete, and not the broken one
}

func TestAChildThatCannotEnterOneGroupIsStillInTheOthers(t *testing.T) {
	g := openGroups(t)
	need(t, g, controllers...)
	group := takeWith(t, g, "web-1", all)
	if len(group.folders) == 1 {
		t.Skip("here they are one")
	}
	if err := os.Remove(in(t, group, CPU)); err != nil {
		t.Fatal(err)
	}
	c := start(t, group, "waits")
	if group.Without(CPU) == nil || group.Without(Tasks) != nil {
		t.Errorf("cpu: %v, tasks: %v", group.Without(CPU), group.Without(Tasks))
	}
	if got := processes(in(t, group, Tasks)); !slices.Equal(got, []int{c.Pid()}) {
		t.Errorf("in its group are %v, want %d", got, c.Pid())
	}
}

func TestTasksAreLimitedWhereMemoryIsNot(t *testing.T) {
	h, err := here(Tasks)
	if err != nil {
		t.Skip(err)
	}
	g := open(t.TempDir(), map[Controller]place{Memory: {err: errors.New("no memory")}, Tasks: {h, nil}, CPU: {err: errors.New("no cpu")}})
	defer g.Close()
	need(t, g, Tasks)
	if group := g.Take("web-1", memoryOnly); group != nil {
		t.Errorf("a group without any limit: %+v", group)
	}
	group := g.Take("web-1", all)
	c := start(t, group, "waits")
	if got := processes(in(t, group, Tasks)); !slices.Equal(got, []int{c.Pid()}) || group.Without(Tasks) != nil {
		t.Errorf("in its group are %v, want %d; %v", got, c.Pid(), group.Without(Tasks))
	}
	if err := group.Without(Memory); err == nil || err.Error() != "no memory" || group.Kills() != 0 {
		t.Errorf("%v, %d kills", err, group.Kills())
	}
	_ = c.Signal(syscall.SIGKILL)
	c.end()
	if err := group.Release(); err != nil || group.broken {
		t.Errorf("%v; broken: %v", err, group.broken)
	}
}

// nobody is a user without rights on every machine.
const nobody = 65534

func TestAnOrdinaryUserIsToldWhyThereAreNoLimits(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	command := exec.CommandContext(t.Context(), "/proc/self/exe")
	command.Args = []string{"child", "examines"}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if len(lines) != len(controllers)+1 || lines[len(controllers)] != "true" {
		t.Fatalf("%q", lines)
	}
	for i, c := range controllers {
		by, why, _ := strings.Cut(lines[i], "|")
		reason, remedy, _ := strings.Cut(why, "|")
		if by != string(ByNone) || reason == "" || remedy == "" {
			t.Errorf("%s: %q", c, lines[i])
		}
	}
}
