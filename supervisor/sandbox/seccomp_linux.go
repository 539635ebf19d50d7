package sandbox

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter takes system calls away that no service needs. It is the last step, because it
// takes those away with which the others were made.
func (s *stage) filter() (string, error) {
	arch, ok := architectures[runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("the system calls of %s are not known", runtime.GOARCH)
	}
	rules := deniedCalls(s.plan.Network, s.own)
	instructions, err := bpf.Assemble(program(arch, rules))
	if err != nil {
		return "", fmt.Errorf("assemble the filter: %w", err)
	}
	filters := make([]unix.SockFilter, len(instructions))
	for i, in := range instructions {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	loaded := unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&loaded)), 0, 0); err != nil {
		return "", fmt.Errorf("load the filter: %w", err)
	}
	runtime.KeepAlive(filters)
	return fmt.Sprintf("%d kinds of system calls are refused", len(rules)), nil
}

// architectures are the numbers by which the kernel tells whose system calls are meant
// (AUDIT_ARCH in linux/audit.h).
var architectures = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64, "arm": unix.AUDIT_ARCH_ARM, "arm64": unix.AUDIT_ARCH_AARCH64,
	"loong64": unix.AUDIT_ARCH_LOONGARCH64, "riscv64": unix.AUDIT_ARCH_RISCV64,
}

// call is a system call that is refused with an error, if all tests say so.
type call struct {
	number uint32
	errno  unix.Errno // 0: EPERM
	tests  []test
}

// test looks at the lower half of an argument.
type test struct {
	argument int
	mask     uint32
	cond     bpf.JumpTest
	value    uint32
}

// Offsets in struct seccomp_data (seccomp(2)). All architectures above are little-endian,
// so that the lower half of an argument comes first.
const (
	offsetNumber   = 0
	offsetArch     = 4
	offsetArgument = 16
	sizeArgument   = 8
	x32            = 0x40000000 // set in the numbers of a second set of calls of amd64
)

func (c call) refusal() bpf.Instruction {
	errno := c.errno
	if errno == 0 {
		errno = unix.EPERM
	}
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

// program ends a process that calls by another architecture's numbers, of which nothing is
// refused otherwise, refuses the calls of rules, and allows all others.
func program(arch uint32, rules []call) []bpf.Instruction {
	instructions := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: x32, SkipTrue: 1},
		call{errno: unix.ENOSYS}.refusal(),
	}
	for _, rule := range rules {
		instructions = append(instructions, rule.assemble()...)
	}
	return append(instructions, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
}

// assemble expects the call's number in the accumulator, and leaves it there.
func (c call) assemble() []bpf.Instruction {
	var tests []bpf.Instruction
	for _, t := range c.tests {
		tests = append(tests,
			bpf.LoadAbsolute{Off: offsetArgument + uint32(t.argument)*sizeArgument, Size: 4},
			bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: t.mask},
			bpf.JumpIf{Cond: t.cond, Val: t.value, SkipTrue: 1},
			bpf.Jump{}, // to the end, filled in below
		)
	}
	block := append(tests, c.refusal())
	if len(tests) > 0 {
		block = append(block, bpf.LoadAbsolute{Off: offsetNumber, Size: 4})
	}
	for i, instruction := range block {
		if _, is := instruction.(bpf.Jump); is {
			block[i] = bpf.Jump{Skip: uint32(len(tests) - i)} // behind the refusal
		}
	}
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: c.number, SkipTrue: uint8(len(block))}}, block...)
}
