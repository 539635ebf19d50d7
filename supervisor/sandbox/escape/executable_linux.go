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
		{name: "write-proc-exe", group: group, expected: readOnly, try: func(t *Targets) outcome { return openForWriting(t, "/proc/self/exe") }},
		{name: "reopen-for-writing", group: group, expected: readOnly, try: reopenForWriting},
		{name: "run-shell", group: group, expected: "no such file, or permission denied", try: runShell},
	}
}

// openForWriting opens without a change.
func openForWriting(t *Targets, path string) outcome {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, unix.ETXTBSY) {
		return judgeBusy(t, path)
	}
	if err != nil {
		return refused(err)
	}
	file.Close()
	return obtained("opened %s for writing", path)
}

// judgeBusy finds out what becomes of a program that could not be opened because it runs,
// as this one always does. The kernel says so before it looks at how the file is mounted,
// which access(2) tells, and before it asks Landlock, which nothing tells.
func judgeBusy(t *Targets, path string) outcome {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return refused(err)
	}
	if t.Inside {
		return notApplicable("a running program cannot be written anyway; its rights and its mount would allow it, Landlock may not")
	}
	return obtained("might write %s while nobody runs it", path)
}

// program is the path under which this program was started. os.Executable needs /proc.
func program() string { return os.Args[0] }

func writeProgram(t *Targets) outcome {
	return openForWriting(t, program())
}

// reopenForWriting turns a descriptor that it may only read into one that it may write.
func reopenForWriting(t *Targets) outcome {
	file, err := os.Open(program())
	if err != nil {
		return refused(err)
	}
	defer file.Close()
	return openForWriting(t, fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
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
