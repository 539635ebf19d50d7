package escape

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of the attempts to use up a machine.
const (
	mostProcesses = 600
	mostMemory    = 1 << 30
	// A block more than 64 MiB, so that a limit of exactly that is seen to hold.
	mostFile   = 64<<20 + fileBlock
	fileBlock  = 64 << 10
	lingerTime = time.Minute
	lingerName = "linger"
)

// exhaustion are attempts to use up the machine, and to stay on it.
func exhaustion() []attempt {
	const group = "exhaustion"
	return []attempt{
		{name: "fork-bomb", group: group, expected: "resource temporarily unavailable at the limit", try: forkBomb},
		{name: "fill-own-folder", group: group, expected: "file too large at the limit", try: func(t *Targets) outcome { return fill(t, t.Own, t.Limits.FileBytes) }},
		{name: "fill-tmp", group: group, expected: "no space left at the limit", try: func(t *Targets) outcome { return fill(t, os.TempDir(), t.Limits.TmpBytes) }},
		{name: "leave-grandchild", group: group, expected: "it is gone with the sandbox", try: leaveGrandchild, seen: grandchildLives},
		{name: "allocate", group: group, expected: "killed, alone or with the sandbox, or cannot allocate memory", try: allocate, fatal: true},
	}
}

// forkBomb makes processes that do nothing and counts them. They die with it.
func forkBomb(t *Targets) outcome {
	limit := t.Limits.Processes
	if t.Inside && limit == 0 {
		return notApplicable("the sandbox promises no limit of processes")
	}
	var pids []int
	var errno syscall.Errno
	for len(pids) < mostProcesses && errno == 0 {
		var pid int
		if pid, errno = forkInto(0, unix.SYS_PPOLL, 0, 0, 0); errno == 0 { // waits for ever
			pids = append(pids, pid)
		}
	}
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGKILL) // its own child, not reaped yet
	}
	for _, pid := range pids {
		_ = endOf(pid)
	}
	switch {
	case errno != 0 && (limit == 0 || len(pids) <= limit):
		return withheld("%d processes, then: %v", len(pids), errno)
	case t.Inside && errno == 0 && len(pids) <= limit:
		return notApplicable("the limit of %d processes is more than the %d that are tried", limit, mostProcesses)
	default:
		return obtained("%d processes", len(pids))
	}
}

// fill writes a file into a folder until it is refused, and removes it.
func fill(t *Targets, folder string, limit uint64) outcome {
	switch {
	case folder == "":
		return notApplicable("the service has no such folder")
	case t.Inside && limit == 0:
		return notApplicable("the sandbox promises no limit there")
	case t.Inside && limit >= mostFile:
		return beyond(t, folder, limit)
	}
	var system unix.Statfs_t
	if err := unix.Statfs(folder, &system); !t.Inside && err == nil && system.Bavail*uint64(system.Bsize) < 4*mostFile {
		return notApplicable("too little is free in %s to try it safely", folder)
	}
	file, err := os.CreateTemp(folder, t.name("fill"))
	if err != nil {
		return refused(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	block := make([]byte, fileBlock)
	written := uint64(0)
	for written < mostFile && err == nil {
		var n int
		n, err = file.Write(block)
		written += uint64(n)
	}
	if err != nil && (limit == 0 || written <= limit) {
		return withheld("%d bytes, then: %v", written, errors.Unwrap(err))
	}
	return obtained("%d bytes in one file", written)
}

// beyond asks for a file that is larger than the limit without writing it. That tells
// only of a limit on the size of a file, not of one on what a folder holds.
func beyond(t *Targets, folder string, limit uint64) outcome {
	file, err := os.CreateTemp(folder, t.name("fill"))
	if err != nil {
		return refused(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := file.Truncate(int64(limit) + 1); err != nil {
		return withheld("a file of %d bytes: %v", limit+1, errors.Unwrap(err))
	}
	if folder != t.Own {
		return notApplicable("the limit of %d bytes is more than is written", limit)
	}
	return obtained("a file of %d bytes", limit+1)
}

// leaveGrandchild starts a process in a session of its own and ends before it.
func leaveGrandchild(t *Targets) outcome {
	argv := append(append([]string{}, os.Args[:len(os.Args)-2]...), lingerName, t.Token)
	command := exec.Command(argv[0], argv[1:]...)
	command.Env = append(os.Environ(), TargetsVariable+"="+os.Getenv(TargetsVariable))
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// Neither /dev/null, which a sandbox may not have, nor the runner's pipe, which would
	// keep the runner waiting.
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdin, os.Stdin
	if err := command.Start(); err != nil {
		return refused(err)
	}
	_ = command.Process.Release() // it is left behind: that is the attempt
	return obtained("left a process that is nobody's")
}

// linger is what the grandchild does. It ends by itself if nobody ends it.
func linger() int {
	time.Sleep(lingerTime)
	return 0
}

// goneBound is how long a process may take to go once its sandbox has ended.
const goneBound = 2 * time.Second

func grandchildLives(t *Targets) bool {
	for expires := time.Now().Add(goneBound); time.Now().Before(expires); time.Sleep(20 * time.Millisecond) {
		if len(t.leftBehind()) == 0 {
			return false
		}
	}
	return true
}

// allocate touches memory page by page. It offers itself to the kernel's OOM killer
// before all others, so that nobody else has to go for it.
func allocate(t *Targets) outcome {
	if t.Inside && t.Limits.MemoryBytes > mostMemory {
		return notApplicable("the limit of %d MiB is more than the %d MiB that are tried", t.Limits.MemoryBytes>>20, mostMemory>>20)
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // a sandbox may have no /proc
	if t.Machine.MemoryAvailable < 2*mostMemory {
		return notApplicable("too little memory is free on this machine to try it safely")
	}
	memory, err := unix.Mmap(-1, 0, mostMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return refused(err)
	}
	defer unix.Munmap(memory)
	for page := 0; page < len(memory); page += os.Getpagesize() {
		memory[page] = 1
	}
	return obtained("has %d MiB", len(memory)>>20)
}
