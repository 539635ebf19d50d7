package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// lane is a client that changes the files of a folder of its own, one request after the
// other. None of its requests may be made twice, and each needs the one before it.
type lane struct {
	server *ocistest.Server
	client *http.Client
	folder string
}

func (l lane) ask(want int, method, name, body string, header ...string) error {
	status, answer, err := l.server.Try(l.client, method, l.folder+name, body, header...)
	if err == nil && status != want {
		err = fmt.Errorf("%d %.200s", status, answer)
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w", method, l.folder+name, err)
	}
	return err
}

// round makes, moves and removes a file.
func (l lane) round() error {
	if err := l.ask(http.StatusCreated, "PUT", "/a", "content"); err != nil {
		return err
	}
	if err := l.ask(http.StatusCreated, "MOVE", "/a", "", "Destination", l.server.URL(l.folder+"/b")); err != nil {
		return err
	}
	if err := l.ask(http.StatusOK, "GET", "/b", ""); err != nil {
		return err
	}
	return l.ask(http.StatusNoContent, "DELETE", "/b", "")
}

// upload sends a large file of which the second half waits for more.
func (l lane) upload(begun, more chan struct{}) error {
	half := bytes.Repeat([]byte("x"), 4<<20)
	body, content := io.Pipe()
	go func() {
		_, _ = content.Write(half)
		close(begun)
		<-more
		_, err := content.Write(half)
		content.CloseWithError(err)
	}()
	request, err := http.NewRequest(http.MethodPut, l.server.URL(l.folder+"/large"), body)
	if err != nil {
		return err
	}
	request.ContentLength = int64(2 * len(half))
	request.SetBasicAuth("admin", ocistest.Password)
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the upload gets %s", response.Status)
	}
	return nil
}

func TestNoRequestIsLostWhenServicesAreRestarted(t *testing.T) {
	server := ocistest.Start(t)
	stop := make(chan struct{})
	var lanes sync.WaitGroup
	for n := range 8 {
		fresh := n%2 == 0
		l := lane{server: server, client: ocistest.Client(t), folder: fmt.Sprintf("%s/lane-%d", home, n)}
		l.client.Transport.(*http.Transport).DisableKeepAlives = fresh
		if err := l.ask(http.StatusCreated, "MKCOL", "", ""); err != nil {
			t.Fatal(err)
		}
		lanes.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := l.round(); err != nil {
					t.Errorf("new connections %v: %v", fresh, err)
					return
				}
			}
		})
	}
	for range 3 {
		for _, service := range []string{"proxy", "webdav", "proxy", "storage", "proxy", "users", "proxy", "nats"} {
			if _, stderr, code := server.Ocis("restart", service); code != 0 {
				t.Errorf("restart %s: %s", service, stderr)
			}
		}
	}
	close(stop)
	lanes.Wait()
}

func TestAnUploadSurvivesTheRestartOfWhatItGoesThrough(t *testing.T) {
	server := ocistest.Start(t)
	for _, service := range []string{"storage", "webdav", "proxy"} {
		t.Run(service, func(t *testing.T) {
			before := server.List()[service].Incarnation
			begun, more := make(chan struct{}), make(chan struct{})
			uploaded := make(chan error, 1)
			go func() { uploaded <- lane{server: server, client: ocistest.Client(t), folder: home}.upload(begun, more) }()
			<-begun
			restarted := make(chan string, 1)
			go func() {
				_, stderr, _ := server.Ocis("restart", service)
				restarted <- stderr
			}()
			// It is taken over, or drains and waits for the upload.
			server.Await(service+" has been asked", func(list map[string]client.Instance) bool {
				now := list[service]
				return now.Incarnation != before || now.Status == client.StatusStopping
			})
			close(more)
			if err := <-uploaded; err != nil {
				t.Error(err)
			}
			if stderr := <-restarted; stderr != "" {
				t.Error(stderr)
			}
		})
	}
}

// readyAgain returns the order in which services became ready after an event.
func readyAgain(t *testing.T, server *ocistest.Server, after uint64) (order []string) {
	t.Helper()
	err := server.Runtime().Events(t.Context(), after, false, func(event client.Event) error {
		if event.Kind == client.EventStatus && event.Status == client.StatusReady {
			order = append(order, event.Service)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return order
}

func TestARestartOfAllGoesThroughTheGraphAndNobodyNotices(t *testing.T) {
	server := withFile(t)
	before := server.List()
	var last uint64
	if err := server.Runtime().Events(t.Context(), 0, false, func(event client.Event) error {
		last = event.Sequence
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := server.Ocis("kill", "web"); code != 0 {
		t.Fatal(stderr)
	}
	asking := ask(t, server, 3, true)
	stdout, stderr, code := server.Ocis("restart", "--all")
	asking.end()
	if code != 0 || stderr != "" {
		t.Fatalf("%d %s", code, stderr)
	}
	if asking.failed.Load() != 0 || asking.asked.Load() == 0 {
		t.Errorf("%d of %d requests failed", asking.failed.Load(), asking.asked.Load())
	}
	for name, now := range server.List() {
		stopped := name == "web"
		if now.Pid == before[name].Pid || stopped != (now.Status == client.StatusStopped) || strings.Contains(stdout, name+" is ready (process ") == stopped {
			t.Errorf("%s was process %d, and is %+v; it says\n%s", name, before[name].Pid, now, stdout)
		}
	}
	if said := server.Output(); !strings.Contains(said, "nats has drained; restarting") {
		t.Errorf("the log of the server:\n%s", said)
	}
	nodes, err := server.Runtime().Tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	order := readyAgain(t, server, last)
	if len(order) != len(family)-1 {
		t.Errorf("ready were %v", order)
	}
	for _, node := range nodes {
		for _, need := range node.Needs {
			if node.Service != "web" && need != "web" && slices.Index(order, need) > slices.Index(order, node.Service) {
				t.Errorf("%s was replaced before %s, which it needs: %v", node.Service, need, order)
			}
		}
	}
	if _, stderr, code := server.Ocis("restart", "--all", "web"); code != 2 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("all and one: %d %s", code, stderr)
	}
}
