package main

import (
	"bytes"
	"fmt"
	"io"
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

func TestAnAcknowledgedWriteSurvivesAnyKill(t *testing.T) {
	server := ocistest.Start(t)
	uploader := ocistest.Client(t)
	large := strings.Repeat("0123456789abcdef", 40_000) // travels as a descriptor
	acknowledged := map[string]string{}
	var mu sync.Mutex
	var writing sync.WaitGroup
	for writer := range 3 {
		writing.Go(func() {
			for n := range 25 {
				path := fmt.Sprintf("%s/w%d-%d", home, writer, n)
				content := fmt.Sprint(path)
				if n%5 == 0 {
					content += large
				}
				status, _, err := server.Try(uploader, "PUT", path, content)
				if err == nil && status/100 == 2 {
					mu.Lock()
					acknowledged[path] = content
					mu.Unlock()
				}
			}
		})
	}
	for _, service := range []string{"storage", "webdav", "storage", "proxy", "storage", "users"} {
		server.KillHard(service)
	}
	writing.Wait()
	if len(acknowledged) == 0 {
		t.Fatal("no write was acknowledged")
	}
	for path, content := range acknowledged {
		if status, body := server.Do("GET", path, ""); status != http.StatusOK || body != content {
			t.Errorf("%s was acknowledged, and is %d with %d bytes", path, status, len(body))
		}
	}
	t.Logf("%d of 75 writes were acknowledged", len(acknowledged))
}

func TestAnUploadThatIsCutOffLeavesNothing(t *testing.T) {
	server := ocistest.Start(t)
	body := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), failingReader{})
	request, err := http.NewRequest("PUT", server.URL(home+"/cut"), body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 8 << 20
	request.SetBasicAuth("admin", ocistest.Password)
	if response, err := ocistest.Client(t).Do(request); err == nil {
		response.Body.Close()
		t.Errorf("a cut upload is answered with %s", response.Status)
	}
	if status, _ := server.Do("GET", home+"/cut", ""); status != http.StatusNotFound {
		t.Errorf("half a file is %d", status)
	}
	status, listing := server.Do("PROPFIND", home+"/", `<propfind xmlns="DAV:"><prop><quota-used-bytes/></prop></propfind>`, "Depth", "0")
	if status != http.StatusMultiStatus || !strings.Contains(listing, "<d:quota-used-bytes>0<") {
		t.Errorf("half a file takes room: %s", listing)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

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
