package sandbox

import (
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// refused are the system calls that no service needs, by what they are for.
var refused = []uint32{
	// The file tree, and files without a path.
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
	unix.SYS_OPEN_TREE_ATTR, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_MKNODAT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_ACCT,
	// Other processes.
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	unix.SYS_PROCESS_MADVISE, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES,
	// Namespaces.
	unix.SYS_UNSHARE, unix.SYS_SETNS,
	// The kernel, its modules, its log, its keys, and its large interfaces.
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD,
	unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT, unix.SYS_SYSLOG,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_PERSONALITY, unix.SYS_VHANGUP,
	unix.SYS_MBIND, unix.SYS_SET_MEMPOLICY,
	// The machine's clock and name.
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
}

// newNamespaces are all flags of clone(2) that make one.
const newNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// setID are the bits that make a file run with its owner's or group's rights.
const setID = unix.S_ISUID | unix.S_ISGID

// newFile are the flags of open(2) with which it looks at a mode. A file without a name can
// be given one by linkat(2).
const newFile = unix.O_CREAT | unix.O_TMPFILE&^unix.O_DIRECTORY

// anyOf is true when one of the bits is set.
func anyOf(argument int, bits uint32) []test { return []test{{argument, bits, bpf.JumpNotEqual, 0}} }

// shared are the queues and the memory of System V, which all processes outside of an ipc
// namespace have in common. In one of its own a program may use them.
var shared = []uint32{
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
	unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL, unix.SYS_MQ_OPEN,
}

// deniedCalls returns what the filter refuses: more where the process has no namespaces of
// its own.
func deniedCalls(network, own bool) []call {
	numbers := slices.Concat(refused, refusedHere)
	if !own {
		numbers = append(numbers, shared...)
	}
	var calls []call
	for _, number := range numbers {
		calls = append(calls, call{number: number})
	}
	if !own { // the limits of other processes of the user; 0 stands for the own one
		calls = append(calls, call{number: unix.SYS_PRLIMIT64, tests: anyOf(0, 0xffffffff)})
	}
	calls = append(calls, deniedHere...)
	calls = append(calls,
		// clone3's flags are in memory, where a filter cannot look: who gets ENOSYS uses clone.
		call{number: unix.SYS_CLONE3, errno: unix.ENOSYS},
		call{number: unix.SYS_CLONE, tests: anyOf(0, newNamespaces)},
		call{number: unix.SYS_FCHMOD, tests: anyOf(1, setID)},
		call{number: unix.SYS_FCHMODAT, tests: anyOf(2, setID)},
		call{number: unix.SYS_FCHMODAT2, tests: anyOf(2, setID)},
		call{number: unix.SYS_OPENAT, tests: append(anyOf(2, newFile), anyOf(3, setID)...)},
		call{number: unix.SYS_OPENAT2, errno: unix.ENOSYS}, // as clone3
		// Putting characters into a terminal's input (ioctl_tty(2), ioctl_console(2)).
		call{number: unix.SYS_IOCTL, tests: []test{{1, 0xffffffff, bpf.JumpEqual, unix.TIOCSTI}}},
		call{number: unix.SYS_IOCTL, tests: []test{{1, 0xffffffff, bpf.JumpEqual, tioclinux}}},
	)
	families := []uint32{unix.AF_UNIX}
	if network {
		families = append(families, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK)
	}
	return append(calls, noneBut(unix.SYS_SOCKET, families...), noneBut(unix.SYS_SOCKETPAIR, unix.AF_UNIX),
		call{number: unix.SYS_SOCKET, errno: unix.EAFNOSUPPORT, tests: rawSocket},
		call{number: unix.SYS_SOCKET, errno: unix.EPROTONOSUPPORT, tests: otherNetlink})
}

// noneBut refuses the sockets of other families: some, such as AF_VSOCK and AF_ALG, know no
// namespaces, and the kernel loads a module for a family that it does not have.
func noneBut(number uint32, families ...uint32) call {
	refusal := call{number: number, errno: unix.EAFNOSUPPORT}
	for _, family := range families {
		refusal.tests = append(refusal.tests, test{0, 0xffffffff, bpf.JumpNotEqual, family})
	}
	return refusal
}

// tioclinux is TIOCLINUX (ioctl_console(2)).
const tioclinux = 0x541c

// rawSocket recognizes SOCK_RAW and SOCK_PACKET, but for netlink, which knows no other
// (socket(2), netlink(7)); the lower bits of the type are the type.
var rawSocket = []test{
	{0, 0xffffffff, bpf.JumpNotEqual, unix.AF_NETLINK},
	{0, 0xffffffff, bpf.JumpNotEqual, unix.AF_UNIX},
	{1, 0xf, bpf.JumpNotEqual, unix.SOCK_STREAM},
	{1, 0xf, bpf.JumpNotEqual, unix.SOCK_DGRAM},
}

// otherNetlink recognizes netlink's protocols but for that of addresses and routes, from which
// resolvers learn what they can reach.
var otherNetlink = []test{
	{0, 0xffffffff, bpf.JumpEqual, unix.AF_NETLINK},
	{2, 0xffffffff, bpf.JumpNotEqual, unix.NETLINK_ROUTE},
}
