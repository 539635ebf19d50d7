package escape

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// forRoot are attempts that succeed without isolation only for root, or for a process
// with the capability. All others but those below must succeed for everybody.
var forRoot = []string{
	"read-shadow", "read-by-handle", "make-device", "raw-disk", "make-cgroup", "write-etc", "write-beside-program",
	"write-program", "write-proc-exe", "reopen-for-writing", "netlink-audit", "raw-socket", "packet-socket",
	"kernel-addresses", "kernel-log-file", "kernel-log", "write-sysctl", "write-sysfs", "init-module", "finit-module", "kexec", "bpf",
	"fanotify", "reboot", "swapon", "set-clock", "adjust-clock", "set-hostname", "accounting", "capabilities",
	"raise-capability", "ambient-capability", "become-another-user", "set-groups", "unshare-others", "enter-namespaces",
	"mount", "unmount", "remount", "mount-setattr", "fsopen", "open-tree", "chroot", "pivot-root",
	"raise-limits", "realtime", "raise-priority", "lock-memory", "kernel-memory", "physical-memory", "sysrq",
}

// byMachine are attempts whose success is a matter of how the machine is set up: by its
// kernel's settings (Yama's ptrace_scope, io_uring_disabled, perf_event_paranoid,
// protected_hardlinks, user namespaces), a container's seccomp filter, its devices.
var byMachine = []string{
	"ptrace", "read-memory", "write-memory", "proc-mem", "take-descriptor", "trace-own-child", "io-uring", "perf-event", "userfaultfd",
	"add-key", "keyctl", "unshare-user", "clone-user", "clone3-user", "vsock-socket", "crypto-socket", "personality", "quota",
	"core-dump", "allocate", "fill-own-folder", "fill-tmp", "fork-bomb", "list-home", "write-home", "hard-link", "setuid-program",
	"netlink-route", "raw-disk", "write-shm", "shared-memory", "sysv-message", "posix-message", "raise-limits",
}

func TestMostAttemptsSucceedWithoutIsolation(t *testing.T) {
	targets := prepared(t)
	targets.Runtime = Runtime{
		Config: targets.path(configFile), OtherData: targets.path(filepath.Dir(otherFile)),
		Control: targets.path(controlSocket), OtherSocket: targets.path(peerSocket),
		RunDir: t.TempDir(), BaseDir: t.TempDir(),
	}
	results := targets.Verify(slices.Collect(Run(t.Context(), self(), targets, false)))
	escaped := named(results, "ESCAPED")
	t.Logf("uid %d: %d of %d succeeded\n%s", os.Getuid(), len(escaped), len(results), table(results))

	if untried := named(results, "UNTRIED"); len(untried) > 0 {
		t.Errorf("could not be tried: %v", untried)
	}
	everything := fullRoot(t)
	for _, refused := range named(results, "refused") {
		if !slices.Contains(byMachine, refused) && (everything || !slices.Contains(forRoot, refused)) {
			t.Errorf("%s was refused although nothing is isolated", refused)
		}
	}
	for _, without := range named(results, "n/a") {
		a, _ := find(without)
		if a.insideOnly == "" && !slices.Contains(byMachine, without) && !slices.Contains(forRoot, without) {
			t.Errorf("%s was not tried although any machine has what it needs", without)
		}
	}
	// An ordinary user in a container has the least; elsewhere it is half of them and more.
	if len(escaped) < len(results)/3 {
		t.Errorf("%d of %d attempts succeeded: a suite that fails anyway proves nothing", len(escaped), len(results))
	}
}

// fullRoot tells whether this root may do everything, which in a container it may not.
func fullRoot(t *testing.T) bool {
	t.Helper()
	_, data, err := held()
	if err != nil {
		t.Fatal(err)
	}
	const low, high = 0xffffffff, 0x1ff // all capabilities up to CAP_CHECKPOINT_RESTORE
	return data[0].Effective == low && data[1].Effective&high == high
}

func TestMostAttemptsSucceedForAnOrdinaryUserWithoutIsolation(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user; the test above has just been one")
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	const nobody = 65534
	// The folder of `go test`'s binary, and t.TempDir, are closed to others.
	folder, err := os.MkdirTemp("", "escape-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(folder, "escape.test")
	copyProgram(t, binary)

	again := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run=^TestMostAttemptsSucceedWithoutIsolation$")
	again.Dir = folder
	again.Env = []string{"PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE")}
	again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL}
	output, err := again.CombinedOutput()
	t.Logf("as nobody:\n%s", output)
	if err != nil {
		t.Errorf("as nobody: %v", err)
	}
}

func copyProgram(t *testing.T, path string) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}
