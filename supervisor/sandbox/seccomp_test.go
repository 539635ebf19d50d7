//go:build linux

package sandbox

import (
	"encoding/binary"
	"runtime"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdict runs the filter over a system call.
func verdict(t *testing.T, network, own bool, arch uint32, number uint32, arguments ...uint64) uint32 {
	t.Helper()
	machine, err := bpf.NewVM(program(architectures[runtime.GOARCH], deniedCalls(network, own)))
	if err != nil {
		t.Fatal(err)
	}
	// bpf.VM reads big-endian words, as from a packet; the kernel reads its own.
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offsetNumber:], number)
	binary.BigEndian.PutUint32(data[offsetArch:], arch)
	for i, argument := range arguments {
		binary.BigEndian.PutUint32(data[offsetArgument+i*sizeArgument:], uint32(argument))
		binary.BigEndian.PutUint32(data[offsetArgument+i*sizeArgument+4:], uint32(argument>>32))
	}
	result, err := machine.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(result)
}

func refusedWith(errno unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }

func TestTheFilterRefusesWhatNoServiceNeeds(t *testing.T) {
	ours := architectures[runtime.GOARCH]
	for _, c := range []struct {
		name      string
		network   bool
		number    uint32
		arguments []uint64
		want      uint32
	}{
		{"read", false, unix.SYS_READ, nil, unix.SECCOMP_RET_ALLOW},
		{"mount", false, unix.SYS_MOUNT, nil, refusedWith(unix.EPERM)},
		{"ptrace", true, unix.SYS_PTRACE, nil, refusedWith(unix.EPERM)},
		{"a thread", false, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD}, unix.SECCOMP_RET_ALLOW},
		{"a user namespace", false, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}, refusedWith(unix.EPERM)},
		{"a network namespace with more", false, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_NEWNET}, refusedWith(unix.EPERM)},
		{"clone3", false, unix.SYS_CLONE3, nil, refusedWith(unix.ENOSYS)},
		{"a unix socket", false, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM | unix.SOCK_CLOEXEC}, unix.SECCOMP_RET_ALLOW},
		{"TCP without a network", false, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM}, refusedWith(unix.EAFNOSUPPORT)},
		{"TCP", true, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_NONBLOCK}, unix.SECCOMP_RET_ALLOW},
		{"UDP", true, unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_DGRAM}, unix.SECCOMP_RET_ALLOW},
		{"a raw socket", true, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_RAW}, refusedWith(unix.EAFNOSUPPORT)},
		{"netlink", true, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW}, unix.SECCOMP_RET_ALLOW},
		{"a packet socket", true, unix.SYS_SOCKET, []uint64{unix.AF_PACKET, unix.SOCK_RAW}, refusedWith(unix.EAFNOSUPPORT)},
		{"vsock", true, unix.SYS_SOCKET, []uint64{unix.AF_VSOCK, unix.SOCK_STREAM}, refusedWith(unix.EAFNOSUPPORT)},
		{"a plain mode", false, unix.SYS_FCHMODAT, []uint64{0, 0, 0o755}, unix.SECCOMP_RET_ALLOW},
		{"setuid", false, unix.SYS_FCHMODAT, []uint64{0, 0, 0o4755}, refusedWith(unix.EPERM)},
		{"setgid", false, unix.SYS_FCHMOD, []uint64{0, 0o2755}, refusedWith(unix.EPERM)},
		{"a new setuid file", false, unix.SYS_OPENAT, []uint64{0, 0, unix.O_CREAT | unix.O_RDWR, 0o4755}, refusedWith(unix.EPERM)},
		{"a new file", false, unix.SYS_OPENAT, []uint64{0, 0, unix.O_CREAT | unix.O_RDWR, 0o755}, unix.SECCOMP_RET_ALLOW},
		{"a setuid file without a name", false, unix.SYS_OPENAT, []uint64{0, 0, unix.O_TMPFILE | unix.O_RDWR, 0o4755}, refusedWith(unix.EPERM)},
		{"a file without a name", false, unix.SYS_OPENAT, []uint64{0, 0, unix.O_TMPFILE | unix.O_RDWR, 0o755}, unix.SECCOMP_RET_ALLOW},
		{"a folder, with rubbish where a mode would be", false, unix.SYS_OPENAT, []uint64{0, 0, unix.O_DIRECTORY, 0xffff}, unix.SECCOMP_RET_ALLOW},
		{"a pair of unix sockets", false, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, unix.SECCOMP_RET_ALLOW},
		{"a pair of sockets of a cluster", true, unix.SYS_SOCKETPAIR, []uint64{unix.AF_TIPC, unix.SOCK_STREAM}, refusedWith(unix.EAFNOSUPPORT)},
		{"netlink's audit", true, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, refusedWith(unix.EPROTONOSUPPORT)},
		{"an old file, with rubbish where a mode would be", false, unix.SYS_OPENAT, []uint64{0, 0, unix.O_RDWR, 0xffff}, unix.SECCOMP_RET_ALLOW},
		{"typing into a terminal", false, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, refusedWith(unix.EPERM)},
		{"the size of a terminal", false, unix.SYS_IOCTL, []uint64{0, unix.TIOCGWINSZ}, unix.SECCOMP_RET_ALLOW},
		{"a bit above the lower half", false, unix.SYS_CLONE, []uint64{1<<40 | unix.CLONE_NEWUSER}, refusedWith(unix.EPERM)},
		{"the second set of calls", false, x32 | unix.SYS_READ, nil, refusedWith(unix.ENOSYS)},
	} {
		if got := verdict(t, c.network, true, ours, c.number, c.arguments...); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
}

func TestTheCallsOfAnotherArchitectureEndTheProcess(t *testing.T) {
	if got := verdict(t, true, true, unix.AUDIT_ARCH_S390, unix.SYS_READ); got != unix.SECCOMP_RET_KILL_PROCESS {
		t.Errorf("got %#x", got)
	}
}

func TestEveryCallThatIsRefusedIsRefusedOnce(t *testing.T) {
	seen := map[uint32]bool{}
	for _, number := range append(refused, refusedHere...) {
		if seen[number] {
			t.Errorf("call %d is there twice", number)
		}
		seen[number] = true
		if got := verdict(t, true, true, architectures[runtime.GOARCH], number); got != refusedWith(unix.EPERM) {
			t.Errorf("call %d: %#x", number, got)
		}
	}
}

func TestWithoutNamespacesMoreIsRefused(t *testing.T) {
	ours := architectures[runtime.GOARCH]
	for _, c := range []struct {
		number    uint32
		arguments []uint64
		own, not  uint32
	}{
		{unix.SYS_SHMGET, nil, unix.SECCOMP_RET_ALLOW, refusedWith(unix.EPERM)},
		{unix.SYS_PRLIMIT64, []uint64{0}, unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ALLOW},
		{unix.SYS_PRLIMIT64, []uint64{4711}, unix.SECCOMP_RET_ALLOW, refusedWith(unix.EPERM)},
	} {
		if own, not := verdict(t, false, true, ours, c.number, c.arguments...), verdict(t, false, false, ours, c.number, c.arguments...); own != c.own || not != c.not {
			t.Errorf("call %d %v: %#x in namespaces, %#x without", c.number, c.arguments, own, not)
		}
	}
}
