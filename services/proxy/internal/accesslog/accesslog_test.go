package accesslog

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink remembers each write.
type sink struct {
	mu     sync.Mutex
	writes []string
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *sink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func TestALineIsJSONWhateverTheRequestWas(t *testing.T) {
	for name, text := range map[string]string{
		"plain":         "/remote.php/webdav/a.txt",
		"quotes":        `/"a"\b`,
		"forged line":   "/a\n{\"level\":\"info\",\"user\":\"admin\"}",
		"control":       "/\x00\x1b[31m\x7f",
		"umlaut":        "/größe",
		"invalid UTF-8": "/\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			var out sink
			log := New(&out, "proxy", "proxy-1")
			log.Add(Entry{Method: "GET", Path: text, Status: 200, Sent: 7, User: "alice", RequestID: "1", Upstream: "webdav", Duration: 1500 * time.Microsecond, Aborted: true})
			log.Flush()
			line := out.all()[0]
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
				t.Errorf("not one line: %q", line)
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			if got["path"] != strings.ToValidUTF8(text, "�") && name != "invalid UTF-8" {
				t.Errorf("path is %q", got["path"])
			}
			for key, want := range map[string]any{"level": "info", "service": "proxy", "instance": "proxy-1", "status": 200.0, "sent": 7.0, "user": "alice", "duration_ms": 1.5, "aborted": true} {
				if got[key] != want {
					t.Errorf("%s is %v, want %v", key, got[key], want)
				}
			}
		})
	}
}

func TestLinesAreWrittenTogetherWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		log := New(&out, "proxy", "proxy-1")
		for range 2 { // also after the first flush
			before := len(out.all())
			for range 10 {
				log.Add(Entry{Method: "GET"})
			}
			if n := len(out.all()); n != before {
				t.Errorf("%d writes at once", n-before)
			}
			time.Sleep(flushAfter)
			synctest.Wait()
			writes := out.all()
			if len(writes) != before+1 || strings.Count(writes[before], "\n") != 10 {
				t.Errorf("writes: %q", writes)
			}
		}
	})
}

func TestManyLinesDoNotWait(t *testing.T) {
	var out sink
	log := New(&out, "proxy", "proxy-1")
	for range flushBytes {
		log.Add(Entry{Method: "GET"})
	}
	if len(out.all()) == 0 {
		t.Error("nothing was written")
	}
	log.Flush()
	log.Flush()
	lines := 0
	for _, write := range out.all() {
		lines += strings.Count(write, "\n")
	}
	if lines != flushBytes {
		t.Errorf("%d lines of %d", lines, flushBytes)
	}
}

func BenchmarkAdd(b *testing.B) {
	log := New(&discard{}, "proxy", "proxy-1")
	e := Entry{Method: "GET", Path: "/remote.php/webdav/a.txt", Status: 200, Sent: 4096, User: "alice", Remote: "192.0.2.7", RequestID: "0123456789abcdef", Upstream: "webdav", At: time.Now(), Duration: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		log.Add(e)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
