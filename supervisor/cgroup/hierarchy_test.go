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
			h, err := locate(test.mounts, test.groups)
			if h.by != test.by || h.own != test.own && test.own != "" || (err == nil) != (test.own != "") {
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
		"version 1":                                  {facts{by: ByVersion1}, ByVersion1, ""},
		"version 1, of somebody else":                {facts{by: ByVersion1, writable: denied}, ByNone, "permission denied"},
		"delegated, and alone":                       {facts{by: ByVersion2, controller: true, alone: true}, ByVersion2, ""},
		"delegated, and prepared by a predecessor":   {facts{by: ByVersion2, controller: true, enabled: true}, ByVersion2, ""},
		"in the root":                                {facts{by: ByVersion2, controller: true, root: true}, ByVersion2, ""},
		"in a shell's group":                         {facts{by: ByVersion2, controller: true}, ByNone, "other processes"},
		"a unit that is not delegated":               {facts{by: ByVersion2, controller: true, alone: true, foreign: true}, ByNone, "systemd"},
		"without the controller":                     {facts{by: ByVersion2, alone: true}, ByNone, "not passed on"},
		"of somebody else":                           {facts{by: ByVersion2, controller: true, alone: true, writable: denied}, ByNone, "permission denied"},
		"read-only, as in an unprivileged container": {facts{by: ByVersion2, controller: true, root: true, writable: unix.EROFS}, ByNone, "read-only"},
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
	h := hierarchy{files: version2, mount: mount, own: filepath.Join(mount, "above", "own")}
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
	if got, limited := h.smallest(); !limited || got != 1<<30 {
		t.Errorf("%d %v", got, limited)
	}
	if err := os.WriteFile(filepath.Join(h.own, "memory.max"), []byte("4096\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := h.smallest(); got != 4096 {
		t.Errorf("%d", got)
	}
	for _, folder := range []string{h.own, filepath.Dir(h.own)} {
		if err := os.WriteFile(filepath.Join(folder, "memory.max"), []byte("max\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, limited := h.smallest(); limited {
		t.Errorf("%d", got)
	}
}

func TestLookingSeesWhatDecides(t *testing.T) {
	h := fake(t)
	if got, want := h.look(), (facts{by: ByVersion2, own: h.own, controller: true, alone: true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := os.WriteFile(filepath.Join(h.own, "cgroup.procs"), []byte("1\n"+strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.own, "cgroup.type")); err != nil {
		t.Fatal(err)
	}
	if got := h.look(); got.alone || !got.root {
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

func TestTheControllerIsPassedOn(t *testing.T) {
	h := fake(t)
	moved, err := h.delegate()
	if moved || err != nil || read(h.own, "cgroup.subtree_control") != "+memory" {
		t.Errorf("moved %v, %v, subtree %q", moved, err, read(h.own, "cgroup.subtree_control"))
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
	h := fake(t)
	readOnly(t, h.own, "cgroup.subtree_control")
	if err := os.Remove(filepath.Join(h.own, "cgroup.type")); err != nil { // as if it were the root
		t.Fatal(err)
	}
	g := open(t.TempDir(), h)
	if g.Support().By != ByNone || !strings.Contains(g.Support().Reason, "pass the memory controller on") {
		t.Errorf("%+v", g.Support())
	}
	for _, folder := range []string{g.base, filepath.Join(h.own, seat)} {
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", folder, err)
		}
	}
	if group, err := g.Take("web-1", floor); group != nil || err != nil {
		t.Errorf("%v %v", group, err)
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
	h, err := locate(string(mounts), unified)
	if err != nil {
		t.Skip(err)
	}
	folder, err := os.MkdirTemp(h.own, "ocis-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := removeUntil(folder, time.Now().Add(clearBound)); err != nil {
			t.Error(err)
		}
	})
	return &Group{groups: &Groups{place: h, own: map[string]int{}, free: map[string][]*Group{}}, instance: "web-1", folder: folder, hard: floor}
}

func TestAChildIsBornInAGroupOfVersion2(t *testing.T) {
	group := unifiedGroup(t)
	folder := group.folder
	c := start(t, group, "leaves a descendant")
	if got := processes(folder); len(got) != 2 || group.Outside() != nil {
		t.Errorf("in the group are %v, want %d and %s; %v", got, c.Pid(), c.first, group.Outside())
	}
	_ = c.Signal(syscall.SIGKILL)
	c.end()
	if err := group.Release(); err != nil || len(processes(folder)) != 0 {
		t.Errorf("%v, left are %v", err, processes(folder))
	}
}

func TestWhoCannotPassTheControllerOnGoesBackToItsGroup(t *testing.T) {
	group := unifiedGroup(t)
	if has(read(group.folder, "cgroup.controllers"), "memory") {
		t.Skip("here it can")
	}
	c := start(t, group, "delegates "+group.folder)
	if c.first != "false" {
		t.Errorf("it says %q", c.first)
	}
	if got := processes(group.folder); len(got) != 1 || got[0] != c.Pid() {
		t.Errorf("in its group are %v, want %d", got, c.Pid())
	}
	if _, err := os.Stat(filepath.Join(group.folder, seat)); !os.IsNotExist(err) {
		t.Errorf("the other group is left behind: %v", err)
	}
	_ = c.Signal(syscall.SIGKILL)
	c.end()
}

func TestManyBirthsLeaveNoThreadsAndNoGroups(t *testing.T) {
	g := openGroups(t)
	birth := func() {
		group := take(t, g, "web-1")
		if err := group.Place(&syscall.SysProcAttr{}, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(g.Spare("web-1", floor), group.Release()); err != nil {
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
	if left, _ := filepath.Glob(filepath.Join(g.base, "web-1.*")); len(left) != 2 {
		t.Errorf("there are the groups %v", left)
	}
}
