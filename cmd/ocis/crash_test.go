package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

const home = "/remote.php/webdav"

func TestEachServiceCanBeKilledAndNobodyElseNotices(t *testing.T) {
	server := ocistest.Start(t)
	if status, body := server.Do("PUT", home+"/before", "kept"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	for _, b := range family {
		killOnly(t, server, b.name)
		if status, body := server.Do("GET", home+"/before", ""); status != http.StatusOK || body != "kept" {
			t.Errorf("after %s was killed: %d %s", b.name, status, body)
		}
	}
	if code := server.Stop(); code != 0 {
		t.Errorf("the runtime ended with code %d", code)
	}
}

// killOnly kills a service's process and checks that no other one was replaced.
func killOnly(t *testing.T, server *ocistest.Server, service string) {
	t.Helper()
	before := server.List()
	server.KillHard(service)
	for name, now := range server.List() {
		if name != service && now.Pid != before[name].Pid {
			t.Errorf("%s was replaced although %s was killed", name, service)
		}
	}
}

func TestSafeRequestsSurviveTheKillsOfTheirServices(t *testing.T) {
	server := ocistest.Start(t)
	if status, body := server.Do("PUT", home+"/file", "content"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	browser := ocistest.Client(t)
	var done atomic.Bool
	var asked, failed atomic.Int64
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for !done.Load() {
				asked.Add(1)
				status, body, err := server.Try(browser, "GET", home+"/file", "")
				if err != nil || status != http.StatusOK || body != "content" {
					failed.Add(1)
					t.Logf("%d %s %v", status, body, err)
				}
			}
		})
	}
	for range 3 {
		for _, service := range []string{"storage", "webdav", "users", "nats", "web"} {
			server.KillHard(service)
		}
	}
	done.Store(true)
	asking.Wait()
	if failed.Load() != 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
}

func TestLargeDownloadsSurviveTheKillsOfStorage(t *testing.T) {
	server := ocistest.Start(t)
	content := strings.Repeat("0123456789abcdef", 64<<10) // travels as a descriptor
	if status, body := server.Do("PUT", home+"/large", content); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	browser := ocistest.Client(t)
	var done atomic.Bool
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			for !done.Load() {
				status, body, err := server.Try(browser, "GET", home+"/large", "")
				if err != nil || status != http.StatusOK || body != content {
					t.Errorf("%d with %d bytes, %v", status, len(body), err)
				}
			}
		})
	}
	for range 5 {
		server.KillHard("storage")
	}
	done.Store(true)
	asking.Wait()
}

// ledger knows the writes that were acknowledged.
type ledger struct {
	mu           sync.Mutex
	acknowledged map[string]string
	refused      int
}

// fill writes files until done is closed, whatever becomes of them.
func (l *ledger) fill(server *ocistest.Server, uploader *http.Client, writer int, done <-chan struct{}) {
	large := strings.Repeat("0123456789abcdef", 40_000) // travels as a descriptor
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		default:
		}
		path := fmt.Sprintf("%s/w%d-%d", home, writer, n)
		content := path
		if n%10 == 0 {
			content += large
		}
		status, _, err := server.Try(uploader, "PUT", path, content)
		l.mu.Lock()
		if err == nil && status/100 == 2 {
			l.acknowledged[path] = content
		} else {
			l.refused++
		}
		l.mu.Unlock()
	}
}

// length is how many writes were acknowledged so far.
func (l *ledger) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

func TestAnAcknowledgedWriteSurvivesTheKillOfAnyProcess(t *testing.T) {
	site := ocistest.NewSite(t, forgiving)
	server := site.Start()
	uploader := ocistest.Client(t)
	l := &ledger{acknowledged: map[string]string{}}
	done := make(chan struct{})
	var writing sync.WaitGroup
	for writer := range 3 {
		writing.Go(func() { l.fill(server, uploader, writer, done) })
	}
	stopWriting := sync.OnceFunc(func() { close(done); writing.Wait() })
	defer stopWriting()
	killAll := func(server *ocistest.Server) {
		t.Helper()
		before := l.length()
		for _, service := range []string{"storage", "webdav", "nats", "storage", "proxy", "frontend", "storage", "users", "web"} {
			server.KillHard(service)
		}
		if l.length() == before {
			t.Error("nothing was acknowledged while each service was killed")
		}
	}
	for range 3 {
		killAll(server)
	}
	server.Signal(syscall.SIGKILL) // the children serve on until the next runtime ends them
	server.Wait()
	server = site.Start()
	killAll(server)
	stopWriting()
	reader := ocistest.Client(t)
	for path, content := range l.acknowledged {
		if status, body, err := server.Try(reader, "GET", path, ""); err != nil || status != http.StatusOK || body != content {
			t.Errorf("%s was acknowledged, and is %d with %d bytes, %v", path, status, len(body), err)
		}
	}
	t.Logf("%d writes were acknowledged, %d were not", len(l.acknowledged), l.refused)
}

func TestAHungServiceIsReplacedAndAHungServiceCanBeStopped(t *testing.T) {
	server := ocistest.Start(t, "OCIS_HEALTH_TIMEOUT=500ms", "OCIS_HEALTH_INTERVAL=100ms")
	before := server.List()["web"]
	if _, stderr, code := server.Ocis("crash", "web", "--signal", "SIGSTOP"); code != 0 {
		t.Fatalf("%d %s", code, stderr)
	}
	server.Await("web is replaced", func(list map[string]client.Instance) bool {
		return list["web"].Status == client.StatusReady && list["web"].Incarnation != before.Incarnation
	})
	if err := syscall.Kill(server.List()["storage"].Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if code := server.Stop(); code != 0 {
		t.Errorf("the runtime ended with code %d:\n%s", code, server.Output())
	}
}

func TestFilesAreServedWhileNATSIsDown(t *testing.T) {
	server := ocistest.Start(t)
	if _, stderr, code := server.Ocis("kill", "nats"); code != 0 {
		t.Fatalf("%d %s", code, stderr)
	}
	server.KillHard("storage")
	server.KillHard("webdav")
	if status, body := server.Do("PUT", home+"/without-nats", "x"); status != http.StatusCreated {
		t.Errorf("%d %s", status, body)
	}
	if _, stderr, code := server.Ocis("run", "nats"); code != 0 {
		t.Fatalf("%d %s", code, stderr)
	}
	server.KillHard("webdav")
	if status, body := server.Do("GET", home+"/without-nats", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}
