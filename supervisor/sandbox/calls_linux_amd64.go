package sandbox

import "golang.org/x/sys/unix"

// refusedHere are calls that only some architectures have.
var refusedHere = []uint32{unix.SYS_IOPERM, unix.SYS_IOPL, unix.SYS_MODIFY_LDT, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_MKNOD}
