package escape

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func executable() []attempt {
	const group = "program"
	const readOnly = "permission denied, or read-only"
	return []attempt{
		{name: "write-program", group: group, expected: readOnly, try: writeProgram},
		{name: "write-proc-exe", group: group, expected: readOnly, try: func(*Targets) outcome { return openForWriting("/proc/self/exe") }},
		{name: "reopen-for-writing", group: group, expected: readOnly, try: reopenForWriting},
		{name: "run-shell", group: group, expected: "no such file, or permission denied", try: runShell},
	}
}

// openForWriting opens without a change. A program that runs is refused as busy, after
// the kernel has found that the caller might write it.
func openForWriting(path string) outcome {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, unix.ETXTBSY) {
		return obtained("might write %s while nobody runs it", path)
	}
	if err != nil {
		return refused(err)
	}
	file.Close()
	return obtained("opened %s for writing", path)
}

// program is the path under which this program was started. os.Executable needs /proc.
func program() string { return os.Args[0] }

func writeProgram(*Targets) outcome {
	return openForWriting(program())
}

// reopenForWriting turns a descriptor that it may only read into one that it may write.
func reopenForWriting(*Targets) outcome {
	file, err := os.Open(program())
	if err != nil {
		return refused(err)
	}
	defer file.Close()
	return openForWriting(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
}

func runShell(t *Targets) outcome {
	if !t.Machine.has(shell) {
		return notApplicable("%s does not exist on this machine", shell)
	}
	command := exec.Command(shell, "-c", "exit 0")
	// A sandbox may have no /dev/null, which os/exec opens for what is not given.
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdin, os.Stdin
	return did(command.Run(), "ran "+shell)
}
