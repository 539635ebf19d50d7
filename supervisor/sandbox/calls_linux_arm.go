package sandbox

import "golang.org/x/sys/unix"

// refusedHere are calls that only some architectures have; those with 64 in their names take
// a time of that width.
var refusedHere = []uint32{unix.SYS_MKNOD, unix.SYS_CLOCK_SETTIME64, unix.SYS_CLOCK_ADJTIME64}

// deniedHere are calls that only some architectures have, and are refused at times.
var deniedHere = []call{
	{number: unix.SYS_CHMOD, tests: anyOf(1, setID)},
	{number: unix.SYS_CREAT, tests: anyOf(1, setID)},
	{number: unix.SYS_OPEN, tests: append(anyOf(1, newFile), anyOf(2, setID)...)},
}
