package logfile

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
)

// tailBytes bounds what is read of the end of a log. The trace of a panic with hundreds of
// goroutines fits.
const tailBytes = 256 << 10

// Tail returns the last lines of a log, at most n.
func Tail(path string, n int) []string {
	lines := span(path, 0, 0)
	return lines[max(0, len(lines)-n):]
}

// LastWords returns what a process that wrote from one offset of a log to another says about
// its end: the beginning of its panic, or its last lines; at most n. to 0: up to the end.
func LastWords(path string, n int, from, to int64) []string {
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

// span returns the lines between two offsets, the last tailBytes of them. A log that was
// emptied since is read whole.
func span(path string, from, to int64) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil
	}
	if to <= from || to > info.Size() {
		to = info.Size()
	}
	if from > to {
		from = 0
	}
	start := max(from, to-tailBytes)
	data, err := io.ReadAll(io.NewSectionReader(file, start, to-start))
	if err != nil {
		return nil
	}
	if start > from { // not at the beginning of a line
		if _, rest, ok := bytes.Cut(data, []byte("\n")); ok {
			data = rest
		}
	}
	text := strings.TrimRight(string(data), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Size returns where a log ends now.
func Size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
