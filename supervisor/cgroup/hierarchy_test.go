//go:build linux

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mount1   = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
	mountCPU = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	mount2   = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
	unified  = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)

func TestTheOwnGroupIsFoundWhereMemoryIsCounted(t *testing.T) {
	for name, test := range map[string]struct {
		mounts, groups string
		by             By
		own            string
	}{
		"version 2":                         {mount2, "0::/user.slice/a.scope\n", ByVersion2, "/sys/fs/cgroup/user.slice/a.scope"},
		"version 2, in its root":            {mount2, "0::/\n", ByVersion2, "/sys/fs/cgroup"},
		"version 1":                         {mountCPU + mount1, "5:cpu:/x\n4:memory:/a/b\n", ByVersion1, "/sys/fs/cgroup/memory/a/b"},
		"both, memory at version 1":         {unified + mount1, "4:memory:/a\n0::/b\n", ByVersion1, "/sys/fs/cgroup/memory/a"},
		"both, memory at version 2":         {mountCPU + unified, "5:cpu:/a\n0::/b\n", ByVersion2, "/sys/fs/cgroup/unified/b"},
		"controllers mounted together":      {strings.ReplaceAll(mount1, "rw,memory", "rw,cpu,memory"), "4:cpu,memory:/a\n", ByVersion1, "/sys/fs/cgroup/memory/a"},
		"a container that sees only itself": {strings.ReplaceAll(mount1, " / ", " /docker/1 "), "4:memory:/docker/1\n", ByVersion1, "/sys/fs/cgroup/memory"},
		"and a group in it":                 {strings.ReplaceAll(mount1, " / ", " /docker/1 "), "4:memory:/docker/1/a\n", ByVersion1, "/sys/fs/cgroup/memory/a"},
		"a group that is not visible":       {strings.ReplaceAll(mount1, " / ", " /docker/1 "), "4:memory:/docker/12\n", "", ""},
		"a group above what is visible":     {mount2, "0::/../other\n", "", ""},
		"not mounted":                       {mountCPU, "4:memory:/a\n0::/\n", "", ""},
		"nothing":                           {"", "", "", ""},
		"garbage":                           {"a - b\n\n", "x\n::\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := locate(test.mounts, test.groups, Memory)
			if h.version != test.by || h.own != test.own && test.own != "" || (err == nil) != (test.own != "") {
				t.Errorf("%+v %v", h, err)
			}
		})
	}
}

func TestTheReasonForNoHardLimitsIsSaid(t *testing.T) {
	denied := unix.EACCES
	for name, test := range map[string]struct {
		facts  facts
		by     By
		reason string
	}{
		"version 1":                                  {facts{version: ByVersion1}, ByVersion1, ""},
		"version 1, of somebody else":                {facts{version: ByVersion1, writable: denied}, ByNone, "permission denied"},
		"delegated, and alone":                       {facts{version: ByVersion2, offered: true, alone: true}, ByVersion2, ""},
		"delegated, and prepared by a predecessor":   {facts{version: ByVersion2, offered: true, enabled: true}, ByVersion2, ""},
		"in the root":                                {facts{version: ByVersion2, offered: true, root: true}, ByVersion2, ""},
		"in a shell's group":                         {facts{version: ByVersion2, offered: true}, ByNone, "other processes"},
		"a unit that is not delegated":               {facts{version: ByVersion2, offered: true, alone: true, foreign: true}, ByNone, "systemd"},
		"without the controller":                     {facts{version: ByVersion2, alone: true}, ByNone, "not passed on"},
		"of somebody else":                           {facts{version: ByVersion2, offered: true, alone: true, writable: denied}, ByNone, "permission denied"},
		"read-only, as in an unprivileged container": {facts{version: ByVersion2, offered: true, root: true, writable: unix.EROFS}, ByNone, "read-only"},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide(test.facts)
			if got.By != test.by || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("%+v", got)
			}
			if (got.By == ByNone) != (got.Reason != "" && got.Remedy != "") {
				t.Errorf("without a reason or a remedy: %+v", got)
			}
		})
	}
}

// fake is a folder that looks like a delegated group of version 2 with this process in it.
// It takes every write, as a group that may pass controllers on does.
func fake(t *testing.T) hierarchy {
	t.Helper()
	mount := t.TempDir()
	h := hierarchy{version: ByVersion2, mount: mount, own: filepath.Join(mount, "above", "own")}
	for file, content := range map[string]string{
		"above/memory.max":                 "1073741824",
		"above/own/memory.max":             "max",
		"above/own/cgroup.controllers":     "cpu memory pids",
		"above/own/cgroup.subtree_control": "",
		"above/own/cgroup.type":            "domain",
		"above/own/cgroup.procs":           strconv.Itoa(os.Getpid()),
	} {
		path := filepath.Join(mount, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestTheSmallestLimitAboveCounts(t *testing.T) {
	h := fake(t)
	if got, limited := h.leastMemory(); !limited || got != 1<<30 {
		t.Errorf("%d %v", got, limited)
	}
	if err := os.WriteFile(filepath.Join(h.own, "memory.max"), []byte("4096\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := h.leastMemory(); got != 4096 {
		t.Errorf("%d", got)
	}
	for _, folder := range []string{h.own, filepath.Dir(h.own)} {
		if err := os.WriteFile(filepath.Join(folder, "memory.max"), []byte("max\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, limited := h.leastMemory(); limited {
		t.Errorf("%d", got)
	}
}

func TestLookingSeesWhatDecides(t *testing.T) {
	h := fake(t)
	if got, want := h.look(Memory), (facts{version: ByVersion2, controller: Memory, own: h.own, offered: true, alone: true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := os.WriteFile(filepath.Join(h.own, "cgroup.procs"), []byte("1\n"+strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.own, "cgroup.type")); err != nil {
		t.Fatal(err)
	}
	if got := h.look(Memory); got.alone || !got.root {
		t.Errorf("%+v", got)
	}
}

func TestAUnitOfSystemdIsForeignUnlessItIsDelegated(t *testing.T) {
	unit := filepath.Join(t.TempDir(), "ocis.scope")
	if err := os.Mkdir(unit, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, root := keptBySystemd(unit), os.Getuid() == 0; got != root {
		t.Errorf("kept: %v, although it belongs to root: %v", got, root)
	}
	if err := unix.Setxattr(unit, "user.delegate", []byte("1"), 0); errors.Is(err, unix.ENOTSUP) {
		t.Skip("this file system has no attributes")
	} else if err != nil {
		t.Fatal(err)
	}
	if keptBySystemd(unit) {
		t.Error("kept, although it is delegated")
	}
}

// fakeRoot looks like the root of version 2, which has no type.
func fakeRoot(t *testing.T) hierarchy {
	t.Helper()
	h := fake(t)
	if err := os.Remove(filepath.Join(h.own, "cgroup.type")); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestTheControllerIsPassedOn(t *testing.T) {
	h := fakeRoot(t)
	moved, failed := h.delegate([]Controller{Memory})
	if moved || len(failed) > 0 || read(h.own, "cgroup.subtree_control") != "+memory" {
		t.Errorf("moved %v, %v, subtree %q", moved, failed, read(h.own, "cgroup.subtree_control"))
	}
}

// readOnly makes a file that cannot be opened for writing, also by root: it is a folder.
func readOnly(t *testing.T, folder, file string) {
	t.Helper()
	path := filepath.Join(folder, file)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestAGroupThatCannotPassTheControllerOnIsLeftAsItWas(t *testing.T) {
	h := fakeRoot(t)
	readOnly(t, h.own, "cgroup.subtree_control")
	g := open(t.TempDir(), map[Controller]place{Memory: {h, nil}, Tasks: {h, nil}, CPU: {h, nil}})
	for _, c := range controllers {
		if g.Support(c).By != ByNone || !strings.Contains(g.Support(c).Reason, "pass the "+string(c)+" controller on") {
			t.Errorf("%s: %+v", c, g.Support(c))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(h.own, "ocis-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if group := g.Take("web-1", all); group != nil {
		t.Errorf("%+v", group)
	}
}

// unifiedGroup makes a real group of version 2. Most machines that have version 1 have a
// version 2 without controllers beside it; for where a process is that does not matter.
func unifiedGroup(t *testing.T) *Group {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var unified string
	for line := range strings.Lines(string(groups)) {
		if strings.HasPrefix(line, "0:") {
			unified = line
		}
	}
	h, err := locate(string(mounts), unified, Memory)
	if err != nil {
		t.Skip(err)
	}
	path, err := os.MkdirTemp(h.own, "ocis-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := removeUntil(path, time.Now().Add(clearBound)); err != nil {
			t.Error(err)
		}
	})
	f := &folder{branch: &branch{hierarchy: h}, path: path, limits: []Controller{Memory, Tasks}}
	return &Group{groups: &Groups{own: map[string]int{}, free: map[string][]*Group{}}, instance: "web-1", folders: []*folder{f}, limits: Limits{HardBytes: floor, Tasks: 512}}
}

func TestAChildIsBornInAGroupOfVersion2(t *testing.T) {
	group := unifiedGroup(t)
	folder := in(t, group, Tasks)
	c := start(t, group, "leaves a descendant")
	if got := processes(folder); len(got) != 2 || group.Without(Tasks) != nil {
		t.Errorf("in the group are %v, want %d and %s; %v", got, c.Pid(), c.first, group.Without(Tasks))
	}
	_ = c.Signal(syscall.SIGKILL)
	c.end()
	if err := group.Release(); err != nil || len(processes(folder)) != 0 {
		t.Errorf("%v, left are %v", err, processes(folder))
	}
}

func TestWhoCannotPassTheControllerOnGoesBackToItsGroup(t *testing.T) {
	group := unifiedGroup(t)
	folder := in(t, group, Tasks)
	if read(folder, "cgroup.controllers") != "" {
		t.Skip("here it can")
	}
	c := start(t, group, "delegates "+folder)
	if c.first != "false" {
		t.Errorf("it says %q", c.first)
	}
	if got := processes(folder); len(got) != 1 || got[0] != c.Pid() {
		t.Errorf("in its group are %v, want %d", got, c.Pid())
	}
	if _, err := os.Stat(filepath.Join(folder, seat)); !os.IsNotExist(err) {
		t.Errorf("the other group is left behind: %v", err)
	}
	_ = c.Signal(syscall.SIGKILL)
	c.end()
}

func TestManyBirthsLeaveNoThreadsAndNoGroups(t *testing.T) {
	g := openGroups(t)
	need(t, g, controllers...)
	birth := func() {
		group := takeWith(t, g, "web-1", all)
		if err := group.Place(&syscall.SysProcAttr{}, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		g.Spare("web-1", all)
		if err := group.Release(); err != nil {
			t.Fatal(err)
		}
	}
	birth()
	before, _ := filepath.Glob("/proc/self/task/*")
	for range 1000 {
		birth()
	}
	after, _ := filepath.Glob("/proc/self/task/*")
	if len(after) > len(before)+2 {
		t.Errorf("%d threads became %d", len(before), len(after))
	}
	for _, b := range g.branches {
		if left, _ := filepath.Glob(filepath.Join(b.base, "web-1.*")); len(left) != 2 {
			t.Errorf("there are the groups %v", left)
		}
	}
}
