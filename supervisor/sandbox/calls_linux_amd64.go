package sandbox

import "golang.org/x/sys/unix"

// refusedHere are calls that only some architectures have.
var refusedHere = []uint32{unix.SYS_IOPERM, unix.SYS_IOPL, unix.SYS_MODIFY_LDT, unix.SYS_MKNOD}

// deniedHere are calls that only some architectures have, and are refused at times.
var deniedHere = []call{
	{number: unix.SYS_CHMOD, tests: anyOf(1, setID)},
	{number: unix.SYS_CREAT, tests: anyOf(1, setID)},
	{number: unix.SYS_OPEN, tests: append(anyOf(1, newFile), anyOf(2, setID)...)},
}
