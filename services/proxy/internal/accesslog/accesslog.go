// Package accesslog writes one JSON line for each request.
//
// It owns the form of the line and how lines get to the log: collected for at most a
// second, so that a busy server makes one system call for many requests. When the
// process is killed, the lines of its last second are lost.
package accesslog

import (
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	flushAfter = time.Second
	flushBytes = 32 << 10
)

// Entry is what is said of a request.
type Entry struct {
	At        time.Time
	Duration  time.Duration
	Method    string
	Path      string // without the query, which may hold secrets
	Status    int
	Received  int64 // bytes of the request's body
	Sent      int64 // bytes of the response's body
	User      string
	Remote    string
	RequestID string
	Upstream  string // the service; empty when the proxy answered itself
	Aborted   bool   // the response was cut off
}

// Log collects entries. It is safe for concurrent use.
type Log struct {
	out    io.Writer
	prefix string

	mu     sync.Mutex
	buffer []byte
	timer  *time.Timer // runs while buffer is not empty
}

// New returns a log that writes to out. Each write holds whole lines. service and
// instance stand in each line.
func New(out io.Writer, service, instance string) *Log {
	prefix := `{"level":"info","msg":"request","service":` + quoted(service) + `,"instance":` + quoted(instance)
	return &Log{out: out, prefix: prefix, buffer: make([]byte, 0, flushBytes+4096)}
}

// Add writes an entry within a second.
func (l *Log) Add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buffer) == 0 {
		if l.timer == nil {
			l.timer = time.AfterFunc(flushAfter, l.Flush)
		} else {
			l.timer.Reset(flushAfter)
		}
	}
	l.buffer = appendEntry(l.buffer, l.prefix, e)
	if len(l.buffer) >= flushBytes {
		l.flush()
	}
}

// Flush writes what is collected now.
func (l *Log) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
}

func (l *Log) flush() {
	if len(l.buffer) == 0 {
		return
	}
	l.timer.Stop()
	// There is nobody to tell that the log cannot be written, and no request must fail for it.
	_, _ = l.out.Write(l.buffer)
	l.buffer = l.buffer[:0]
}

func appendEntry(b []byte, prefix string, e Entry) []byte {
	b = append(b, prefix...)
	b = append(b, `,"time":"`...)
	b = e.At.AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	b = appendString(b, "method", e.Method)
	b = appendString(b, "path", e.Path)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(e.Status), 10)
	b = append(b, `,"received":`...)
	b = strconv.AppendInt(b, e.Received, 10)
	b = append(b, `,"sent":`...)
	b = strconv.AppendInt(b, e.Sent, 10)
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, float64(e.Duration.Microseconds())/1000, 'f', -1, 64)
	b = appendString(b, "user", e.User)
	b = appendString(b, "remote", e.Remote)
	b = appendString(b, "request_id", e.RequestID)
	b = appendString(b, "upstream", e.Upstream)
	if e.Aborted {
		b = append(b, `,"aborted":true`...)
	}
	return append(b, "}\n"...)
}

// appendString appends a member, unless it is empty.
func appendString(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, '"', ':')
	if isPlain(value) {
		b = append(b, '"')
		b = append(b, value...)
		return append(b, '"')
	}
	return append(b, quoted(value)...)
}

// isPlain tells whether a string stands in JSON as it is, as nearly all do.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf-1 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""` // never: a string has a JSON form
	}
	return string(data)
}
