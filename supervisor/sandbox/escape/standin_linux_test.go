package escape

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// refusedInNamespaces are attempts that namespaces alone refuse. Files are as open as
// before, and so is much of the kernel.
var refusedInNamespaces = []string{
	"tcp-loopback", "udp-loopback", "tcp-bind", "netlink-audit", "abstract-socket",
	"signal-victim", "signal-all", "prlimit-victim", "kill-victim", "kill-by-pidfd",
	"ptrace", "read-memory", "write-memory", "take-descriptor", "shared-memory", "sysv-message", "posix-message",
	"list-processes", "proc-mem", "proc-environ", "proc-cwd", "proc-root", "proc-fd", "supervisor-environment",
	"enter-namespaces", "leave-grandchild", "set-clock", "swapon", "accounting",
}

// openInNamespaces are attempts that namespaces alone do not refuse.
var openInNamespaces = []string{"read-secret", "read-planted-link", "write-outside", "peer-socket", "stat-secret", "inherited-folder"}

// runInNamespaces runs the suite as the first process of new namespaces, with a /proc that
// shows them, and returns the exit code.
func runInNamespaces(targets *Targets) int {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mount /proc:", err)
		return 3
	}
	report := json.NewEncoder(os.Stdout)
	for r := range Run(context.Background(), self(), targets, true) {
		if err := report.Encode(r); err != nil {
			return 3
		}
	}
	return 0
}

func TestNamespacesRefuseWhatTheyAreMadeFor(t *testing.T) {
	targets := prepared(t)
	line, err := targets.Variable()
	if err != nil {
		t.Fatal(err)
	}
	inside := exec.CommandContext(t.Context(), os.Args[0], runCommand)
	inside.Env = append(os.Environ(), line)
	inside.Stderr = os.Stderr
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	output, err := inside.Output()
	if err != nil && len(output) == 0 {
		t.Skipf("no namespaces on this machine: %v", err)
	}
	results := targets.Verify(parsed(t, output))
	for _, name := range refusedInNamespaces {
		if slices.Contains(named(results, "ESCAPED"), name) {
			t.Errorf("%s got out", name)
		}
	}
	for _, name := range openInNamespaces {
		if !slices.Contains(named(results, "ESCAPED"), name) {
			t.Errorf("%s did not succeed: is what it aims at still there?", name)
		}
	}
	if untried := named(results, "UNTRIED"); len(untried) > 0 {
		t.Errorf("could not be tried: %v", untried)
	}
	if t.Failed() {
		t.Logf("\n%s", table(results))
	}
}

func parsed(t *testing.T, output []byte) []Result {
	t.Helper()
	var results []Result
	for line := range bytes.Lines(output) {
		var r Result
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		results = append(results, r)
	}
	return results
}
