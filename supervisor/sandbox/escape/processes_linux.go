package escape

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/supervisor/process"
)

func processes() []attempt {
	const group = "processes"
	const hidden = "no such process, or operation not permitted"
	return []attempt{
		{name: "list-processes", group: group, expected: "sees the sandbox's own processes at most", try: listProcesses},
		{name: "signal-victim", group: group, expected: hidden, try: onVictim(func(_ *Targets, pid int) outcome {
			return did(unix.Kill(pid, 0), "may signal the victim")
		})},
		{name: "signal-supervisor", group: group, expected: hidden, try: signalSupervisor},
		{name: "signal-all", group: group, expected: hidden, try: signalAll,
			insideOnly: "a signal to all processes does reach all of them"},
		{name: "prlimit-victim", group: group, expected: hidden, try: onVictim(limitVictim)},
		{name: "kill-victim", group: group, expected: hidden, try: killVictim, seen: killed(func(t *Targets) Victim { return t.Doomed })},
		{name: "kill-by-pidfd", group: group, expected: hidden, try: killByPidfd, seen: killed(func(t *Targets) Victim { return t.DoomedByPidfd })},
	}
}

// onVictim leaves an attempt out if the victim's number is not the victim.
func onVictim(try func(t *Targets, pid int) outcome) func(*Targets) outcome {
	return func(t *Targets) outcome {
		if o, ok := t.Victim.present(t); !ok {
			return o
		}
		return try(t, t.Victim.Pid)
	}
}

func listProcesses(t *Targets) outcome {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return refused(err)
	}
	seen := 0
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err == nil {
			seen++
		}
	}
	if t.Victim.Pid == 0 {
		return notApplicable("there is no victim to be seen among %d processes", seen)
	}
	// The same number may be another process in here, but not with the same start.
	if identity, err := process.Identify(t.Victim.Pid); err != nil || identity.Start != t.Victim.Start {
		return withheld("sees %d processes, none outside", seen)
	}
	return obtained("sees %d processes, the victim among them", seen)
}

func signalSupervisor(t *Targets) outcome {
	if t.ambiguous(t.Supervisor) {
		return notApplicable("the supervisor's number %d belongs to another process in here", t.Supervisor)
	}
	return did(unix.Kill(t.Supervisor, 0), "may signal the supervisor")
}

// signalAll sends SIGWINCH, which does nothing to who does not ask for it, and only in a
// process namespace of its own. In that of the machine it looks whether it would arrive.
func signalAll(t *Targets) outcome {
	namespace, err := placeOf("/proc/self/ns/pid")
	if err == nil && t.Machine.PidNamespace != 0 && namespace.Inode != t.Machine.PidNamespace {
		if err := unix.Kill(-1, unix.SIGWINCH); err != nil {
			return refused(err)
		}
		return withheld("reached processes of its own namespace only")
	}
	if o, ok := t.Victim.present(t); !ok {
		return o
	}
	if err := unix.Kill(t.Victim.Pid, 0); err != nil {
		return refused(err)
	}
	return obtained("would reach the victim: not sent")
}

// limitVictim writes back the limit that it reads.
func limitVictim(_ *Targets, pid int) outcome {
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		return refused(err)
	}
	return did(unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil), "set a limit of the victim")
}

func killVictim(t *Targets) outcome {
	if o, ok := t.Doomed.present(t); !ok {
		return o
	}
	return did(unix.Kill(t.Doomed.Pid, unix.SIGTERM), "ended another process")
}

func killByPidfd(t *Targets) outcome {
	if o, ok := t.DoomedByPidfd.present(t); !ok {
		return o
	}
	pidfd, err := unix.PidfdOpen(t.DoomedByPidfd.Pid, 0)
	if err != nil {
		return refused(err)
	}
	defer unix.Close(pidfd)
	return did(unix.PidfdSendSignal(pidfd, unix.SIGTERM, nil, 0), "ended another process")
}

// tracing are attempts to look into another process.
func tracing() []attempt {
	const group = "tracing"
	const hidden = "no such process or file, or operation not permitted"
	procFile := func(name string) func(*Targets) outcome {
		return onVictim(func(t *Targets, pid int) outcome {
			return readSecret(t, fmt.Sprintf("/proc/%d/%s", pid, name))
		})
	}
	return []attempt{
		{name: "ptrace", group: group, expected: hidden, try: onVictim(traceVictim)},
		{name: "read-memory", group: group, expected: hidden, try: onVictim(readMemory)},
		{name: "write-memory", group: group, expected: hidden, try: onVictim(writeMemory)},
		{name: "proc-mem", group: group, expected: hidden, try: onVictim(readProcMem)},
		{name: "proc-environ", group: group, expected: hidden, try: procFile("environ")},
		{name: "proc-cwd", group: group, expected: hidden, try: procFile("cwd/" + secretFile)},
		{name: "proc-root", group: group, expected: hidden, try: onVictim(func(t *Targets, pid int) outcome {
			return readSecret(t, fmt.Sprintf("/proc/%d/root%s", pid, t.path(secretFile)))
		})},
		{name: "proc-fd", group: group, expected: hidden, try: procFile("fd/0")},
		{name: "take-descriptor", group: group, expected: hidden, try: onVictim(takeDescriptor)},
	}
}

// traceVictim stops the victim, reads a word of its memory and lets it go.
func traceVictim(t *Targets, pid int) outcome {
	if err := unix.PtraceSeize(pid); err != nil {
		return refused(err)
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		return refused(err)
	}
	var status unix.WaitStatus
	if _, err := wait(pid, &status); err != nil {
		return refused(err)
	}
	memory := make([]byte, len(secretVariable)+1+len(t.Token))
	_, err := unix.PtracePeekData(pid, uintptr(t.Victim.Environment), memory)
	_ = unix.PtraceDetach(pid) // the victim goes on in any case when this process ends
	if err != nil {
		return refused(err)
	}
	return judgeSecret(t, memory, "the memory of a traced process")
}

// memoryOf copies from, or to, the place in the victim's memory where its secret is.
func memoryOf(t *Targets, pid int, memory []byte, call func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error)) error {
	local := []unix.Iovec{{Base: &memory[0]}}
	local[0].SetLen(len(memory))
	_, err := call(pid, local, []unix.RemoteIovec{{Base: uintptr(t.Victim.Environment), Len: len(memory)}}, 0)
	return err
}

func readMemory(t *Targets, pid int) outcome {
	memory := make([]byte, len(secretVariable)+1+len(t.Token))
	if err := memoryOf(t, pid, memory, unix.ProcessVMReadv); err != nil {
		return refused(err)
	}
	return judgeSecret(t, memory, "another process's memory")
}

// writeMemory writes what is there already.
func writeMemory(t *Targets, pid int) outcome {
	memory := []byte(secretVariable + "=" + t.Token)
	return did(memoryOf(t, pid, memory, unix.ProcessVMWritev), "wrote another process's memory")
}

func readProcMem(t *Targets, pid int) outcome {
	file, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return refused(err)
	}
	defer file.Close()
	memory := make([]byte, len(secretVariable)+1+len(t.Token))
	if _, err := file.ReadAt(memory, int64(t.Victim.Environment)); err != nil {
		return refused(err)
	}
	return judgeSecret(t, memory, "another process's memory")
}

func takeDescriptor(t *Targets, pid int) outcome {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return refused(err)
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, 0, 0)
	if err != nil {
		return refused(err)
	}
	file := os.NewFile(uintptr(fd), "taken")
	defer file.Close()
	data := make([]byte, 256)
	n, _ := file.ReadAt(data, 0)
	return judgeSecret(t, data[:n], "a file that another process has open")
}
