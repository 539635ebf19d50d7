package memory

import (
	"slices"
	"strings"
)

// End is what is known of a process that ended.
type End struct {
	Killed    bool     // by SIGKILL
	Ours      bool     // the supervisor had sent it, or had asked the process to end
	Kills     uint64   // how many processes of its group the kernel killed for want of memory
	LastLines []string // of its log
}

// OutOfMemory tells whether the process ended for want of memory: the kernel killed it,
// or Go's runtime gave up. A process that somebody kills by hand after the kernel killed
// a descendant of it is mistaken for the first.
func OutOfMemory(end End) bool {
	if end.Ours {
		return false
	}
	if end.Killed {
		return end.Kills > 0
	}
	return slices.ContainsFunc(end.LastLines, gaveUp)
}

// gaveUp knows the last words of Go's runtime (malloc.go, mem_linux.go: "fatal error:
// runtime: out of memory", "fatal error: out of memory", "fatal error: runtime: cannot
// allocate memory") and of a program that panics with ENOMEM. A line that merely speaks
// of memory says nothing about the end.
func gaveUp(line string) bool {
	if !strings.HasPrefix(line, "fatal error: ") && !strings.HasPrefix(line, "panic: ") {
		return false
	}
	return strings.Contains(line, "out of memory") || strings.Contains(line, "cannot allocate memory")
}
