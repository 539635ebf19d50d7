package memory

import (
	"slices"
	"strings"
)

// End is what is known of a process that ended.
type End struct {
	Killed    bool     // by SIGKILL
	Asked     bool     // the supervisor had asked the process to end
	Kills     uint64   // how many processes of its group the kernel killed for want of memory
	LastLines []string // of its log
}

// OutOfMemory tells whether the process ended for want of memory: the kernel killed it,
// or Go's runtime gave up. What the kernel counts says more than who else sent SIGKILL: a
// process that is being killed answers no health check either. A process that somebody
// kills after the kernel killed a descendant of it is mistaken for one that the kernel killed.
func OutOfMemory(end End) bool {
	if end.Asked {
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
