package escape

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelFiles are attempts to read and change the kernel through files.
func kernelFiles() []attempt {
	const group = "kernel files"
	const hidden = "no such file, or permission denied"
	open := func(path string, flags int) func(*Targets) outcome {
		return func(t *Targets) outcome { return openMachineFile(t, path, flags) }
	}
	return []attempt{
		{name: "kernel-memory", group: group, expected: hidden, try: open(kernelCore, os.O_RDONLY)},
		{name: "kernel-addresses", group: group, expected: hidden + ", or zeros", try: readAddresses},
		{name: "kernel-log-file", group: group, expected: hidden, try: open(kernelLog, os.O_RDONLY)},
		{name: "physical-memory", group: group, expected: hidden, try: open(memoryDevice, os.O_RDONLY)},
		{name: "sysrq", group: group, expected: hidden, try: open(sysrqTrigger, os.O_WRONLY)},
		{name: "write-sysctl", group: group, expected: hidden + ", or read-only", try: func(t *Targets) outcome { return writeBack(t.Machine.Sysctl) }},
		{name: "write-sysfs", group: group, expected: hidden + ", or read-only", try: func(t *Targets) outcome { return writeBack(t.Machine.Sysfs) }},
	}
}

// openMachineFile opens, and neither reads nor writes.
func openMachineFile(t *Targets, path string, flags int) outcome {
	if !t.Machine.has(path) {
		return notApplicable("%s does not exist on this machine", path)
	}
	file, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return refused(err)
	}
	file.Close()
	return obtained("opened %s", path)
}

func readAddresses(t *Targets) outcome {
	if !t.Machine.has(kernelNames) {
		return notApplicable("%s does not exist on this machine", kernelNames)
	}
	data, err := os.ReadFile(kernelNames)
	if err != nil {
		return refused(err)
	}
	for line := range strings.Lines(string(data)) {
		address, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && strings.Trim(address, "0") != "" {
			return obtained("the address of %s", name)
		}
	}
	return withheld("all addresses are zero")
}

// writeBack changes nothing: it writes the value that it has read.
func writeBack(path string) outcome {
	if path == "" {
		return notApplicable("no such file exists on this machine")
	}
	value, err := os.ReadFile(path)
	if err != nil {
		return refused(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return refused(err)
	}
	defer file.Close()
	_, err = file.Write(bytes.TrimSpace(value))
	return did(err, "wrote "+path)
}

// kernelCalls are attempts to use parts of the kernel that no Go service needs and whose
// faults have been the way out before.
func kernelCalls() []attempt {
	const group = "kernel calls"
	const denied = "operation not permitted"
	return []attempt{
		{name: "kernel-log", group: group, expected: denied, try: readKernelLog},
		{name: "init-module", group: group, expected: denied, try: func(*Targets) outcome { return permitted(unix.InitModule(nil, "")) }},
		{name: "finit-module", group: group, expected: denied, try: func(*Targets) outcome { return permitted(unix.FinitModule(-1, "", 0)) }},
		{name: "kexec", group: group, expected: denied, try: func(*Targets) outcome { return permitted(call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0xffff)) }},
		{name: "bpf", group: group, expected: denied, try: makeMap},
		{name: "io-uring", group: group, expected: denied, try: makeRing},
		{name: "add-key", group: group, expected: denied, try: addKey},
		{name: "keyctl", group: group, expected: denied, try: makeKeyring},
		{name: "userfaultfd", group: group, expected: denied, try: func(*Targets) outcome {
			return opened(syscall.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|userModeOnly, 0, 0))
		}},
		{name: "perf-event", group: group, expected: denied, try: openPerf},
		{name: "trace-own-child", group: group, expected: denied, try: func(*Targets) outcome {
			return did(alone(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0), "may trace its children")
		}},
		{name: "fanotify", group: group, expected: denied, try: openFanotify},
		{name: "personality", group: group, expected: denied, try: func(*Targets) outcome {
			return did(call(unix.SYS_PERSONALITY, addrNoRandomize, 0, 0, 0), "programs that it starts have no random addresses")
		}},
	}
}

// Values of linux/userfaultfd.h and linux/personality.h.
const (
	userModeOnly    = 1         // UFFD_USER_MODE_ONLY
	addrNoRandomize = 0x0040000 // ADDR_NO_RANDOMIZE
)

// call makes a system call whose result is of no interest.
func call(trap, a1, a2, a3, a4 uintptr) error {
	if _, _, errno := syscall.Syscall6(trap, a1, a2, a3, a4, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// opened judges a system call that returns a descriptor, and closes it.
func opened(fd, _ uintptr, errno syscall.Errno) outcome {
	if errno != 0 {
		return refused(errno)
	}
	unix.Close(int(fd))
	return obtained("permitted")
}

func readKernelLog(*Targets) outcome {
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, make([]byte, 4096))
	if err != nil {
		return refused(err)
	}
	return obtained("read %d bytes of the kernel's log", n)
}

// makeMap makes an array of one element: the smallest thing that bpf(2) makes.
func makeMap(*Targets) outcome {
	attributes := struct{ kind, keyBytes, valueBytes, entries uint32 }{unix.BPF_MAP_TYPE_ARRAY, 4, 4, 1}
	return opened(syscall.Syscall(unix.SYS_BPF, unix.BPF_MAP_CREATE, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes)))
}

func makeRing(*Targets) outcome {
	var parameters [120]byte // struct io_uring_params
	return opened(syscall.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&parameters)), 0))
}

// addKey adds to the keyring of this process, which goes with it.
func addKey(t *Targets) outcome {
	_, err := unix.AddKey("user", t.name("key"), []byte(t.Token), unix.KEY_SPEC_PROCESS_KEYRING)
	return did(err, "added a key to the kernel's keyring")
}

func makeKeyring(*Targets) outcome {
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true)
	return did(err, "made a keyring in the kernel")
}

// openPerf counts nothing, in this process.
func openPerf(*Targets) outcome {
	attributes := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY,
		Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv | unix.PerfBitDisabled}
	attributes.Size = uint32(unsafe.Sizeof(attributes))
	fd, err := unix.PerfEventOpen(&attributes, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return refused(err)
	}
	unix.Close(fd)
	return obtained("permitted")
}

// openFanotify asks for the class that may hold up other processes, and watches nothing.
func openFanotify(*Targets) outcome {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		return refused(err)
	}
	unix.Close(fd)
	return obtained("permitted")
}
