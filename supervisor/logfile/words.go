package logfile

import (
	"os"
	"slices"
	"strings"
)

// tailBytes bounds what is read of the end of a log. The trace of a panic with hundreds of
// goroutines fits.
const tailBytes = 256 << 10

// Tail returns the last lines of a log, at most n.
func Tail(path string, n int) []string {
	lines := span(path, Position{}, Position{})
	return lines[max(0, len(lines)-n):]
}

// LastWords returns what a process that wrote from one position of a log to another says about
// its end: the beginning of its panic, or its last lines; at most n. The zero to: up to the end.
func LastWords(path string, n int, from, to Position) []string {
	lines := span(path, from, to)
	if panicked := slices.IndexFunc(lines, isCause); panicked >= 0 {
		lines = lines[panicked:]
		return lines[:min(len(lines), n)]
	}
	return lines[max(0, len(lines)-n):]
}

// Cause is what says best why a process ended: the first line of a panic or fatal error,
// else what the last line says. Empty: nothing was said.
func Cause(lines []string) string {
	if panicked := slices.IndexFunc(lines, isCause); panicked >= 0 {
		return lines[panicked]
	}
	if len(lines) == 0 {
		return ""
	}
	return Read(lines[len(lines)-1]).Text
}

// isCause tells whether Go's runtime begins with a line to say why it ends a process.
func isCause(line string) bool {
	for _, beginning := range []string{"panic: ", "fatal error: ", "runtime: out of memory"} {
		if strings.HasPrefix(line, beginning) {
			return true
		}
	}
	signal, _, found := strings.Cut(line, ": ") // such as "SIGSEGV: segmentation violation"
	return found && strings.HasPrefix(signal, "SIG") && !strings.ContainsFunc(signal, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// span returns the lines between two positions, the last tailBytes of them. A log that
// somebody else emptied since is read whole.
func span(path string, from, to Position) (lines []string) {
	p := partsOf(path)
	from, to = p.within(from, to)
	size := 0
	_ = p.backwards(to, func(at Position, text []byte) bool { // what cannot be read was not said
		if size += len(text); at.before(from) || size > tailBytes {
			return false
		}
		if line := strings.TrimRight(string(text), "\n"); line != "" || len(lines) > 0 {
			lines = append(lines, line)
		}
		return true
	})
	slices.Reverse(lines)
	return lines
}

// End returns where a log ends now.
func End(path string) Position { return partsOf(path).end() }

// Size returns how long a file is; 0: there is none.
func Size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
