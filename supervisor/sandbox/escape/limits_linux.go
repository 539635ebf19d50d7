package escape

import (
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// limits are attempts to get rid of what bounds this process.
func limits() []attempt {
	const group = "limits"
	const denied = "operation not permitted"
	return []attempt{
		{name: "raise-limits", group: group, expected: denied, try: raiseLimits},
		{name: "realtime", group: group, expected: denied, try: becomeRealtime},
		{name: "raise-priority", group: group, expected: denied, try: func(*Targets) outcome {
			return did(unix.Setpriority(unix.PRIO_PROCESS, 0, -5), "goes before other processes")
		}},
		{name: "lock-memory", group: group, expected: "cannot allocate memory, or operation not permitted", try: lockMemory},
		{name: "core-dump", group: group, expected: "dies and leaves no core", try: dumpCore, died: coreDumped},
	}
}

// resources are the limits that bound a service, and their names.
var resources = []struct {
	name   string
	number int
}{
	{"open files", unix.RLIMIT_NOFILE}, {"processes", unix.RLIMIT_NPROC}, {"file size", unix.RLIMIT_FSIZE},
	{"core size", unix.RLIMIT_CORE}, {"address space", unix.RLIMIT_AS}, {"locked memory", unix.RLIMIT_MEMLOCK},
}

// raiseLimits asks for one more of whatever is limited.
func raiseLimits(*Targets) outcome {
	o := notApplicable("nothing is limited that could be raised")
	for _, r := range resources {
		var limit unix.Rlimit
		if unix.Prlimit(0, r.number, nil, &limit) != nil || limit.Max == unix.RLIM_INFINITY {
			continue
		}
		limit.Max++
		if err := unix.Prlimit(0, r.number, &limit, nil); err != nil {
			o = refused(err)
			continue
		}
		return obtained("raised the limit of %s to %d", r.name, limit.Max)
	}
	return o
}

func becomeRealtime(*Targets) outcome {
	priority := int32(1)
	err := call(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, uintptr(unsafe.Pointer(&priority)), 0)
	return did(err, "goes before all ordinary processes")
}

// lockedBytes is eight times what Linux lets an ordinary process lock by default.
const lockedBytes = 64 << 20

func lockMemory(*Targets) outcome {
	memory, err := unix.Mmap(-1, 0, lockedBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return refused(err)
	}
	defer unix.Munmap(memory)
	return did(unix.Mlock(memory), fmt.Sprintf("locked %d MiB of memory", lockedBytes>>20))
}

// dumpCore dies with as large a core as it may write, into its scratch folder.
func dumpCore(t *Targets) outcome {
	pattern := t.Machine.CorePattern
	if pattern == "" || strings.HasPrefix(pattern, "|") || strings.Contains(pattern, "/") {
		return notApplicable("this machine keeps cores elsewhere (core_pattern %q), which could not be taken away", pattern)
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_CORE, nil, &limit); err != nil {
		return refused(err)
	}
	limit.Cur = limit.Max
	if err := unix.Prlimit(0, unix.RLIMIT_CORE, &limit, nil); err != nil {
		return refused(err)
	}
	debug.SetTraceback("crash")                                    // SIGABRT then ends the process as it does others, with a core
	return did(unix.Kill(unix.Getpid(), unix.SIGABRT), "survived") // the runner judges the end
}

func coreDumped(status syscall.WaitStatus) outcome {
	switch {
	case status.CoreDump():
		return obtained("killed by %s, and left a core", unix.SignalName(status.Signal()))
	case status.Signaled():
		return withheld("killed by %s, no core", unix.SignalName(status.Signal()))
	default:
		return untried("ended with code %d and not by a signal", status.ExitStatus())
	}
}
