package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
)

// withoutGroups lets a command run where there are no control groups.
func withoutGroups(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if cgroup.Examine(cgroup.Memory).By == cgroup.ByNone {
		return // so it is everywhere here
	}
	if os.Getuid() != 0 {
		t.Skip("only root can hide the control groups of this machine")
	}
	command.Args = append([]string{"sh", "-c", `mount -t tmpfs none /sys/fs/cgroup && exec "$0" "$@"`, command.Path}, command.Args[1:]...)
	command.Path = "/bin/sh"
	command.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
}

func TestTheListSaysThatThereAreNoHardLimits(t *testing.T) {
	server := ocistest.NewSite(t).LaunchWith(func(command *exec.Cmd) { withoutGroups(t, command) })
	server.AwaitReady()
	stdout, stderr, code := server.Ocis("list")
	if said := "\nmemory: no hard limits; `ocis doctor` says why\n"; code != 0 || strings.Count(stdout, said) != 1 {
		t.Errorf("ocis list: %d %s%s", code, stdout, stderr)
	}
	for name, row := range server.List() {
		if row.MemoryLimitBytes != 0 {
			t.Errorf("%s is said to have a limit of %d bytes", name, row.MemoryLimitBytes)
		}
	}
	if stdout, stderr, code := server.Ocis("status", "web"); code != 0 || !strings.Contains(strings.Join(strings.Fields(stdout), " "), "no hard limit: ") {
		t.Errorf("ocis status web: %d %s%s", code, stdout, stderr)
	}
	if !strings.Contains(server.Output(), "no hard limits: ") {
		t.Errorf("the log does not say so:\n%s", server.Output())
	}
}
