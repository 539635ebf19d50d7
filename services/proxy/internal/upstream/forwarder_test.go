package upstream

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/registry"
)

// bound is how long a test waits for what must happen.
const bound = 30 * time.Second

// site is a service on a unix socket with a forwarder to it.
type site struct {
	t         *testing.T
	forwarder *Forwarder
	directory *registry.Directory
	address   string
	opened    chan net.Conn // connections that the forwarder made
	closed    chan net.Conn // and those that have ended
	documents uint64
}

func newSite(t *testing.T, handle http.HandlerFunc) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "up") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		t: t, directory: registry.NewDirectory(), address: "unix:" + listener.Addr().String(),
		opened: make(chan net.Conn, 100), closed: make(chan net.Conn, 100),
	}
	server := &http.Server{Handler: handle, ConnState: func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.opened <- conn
		case http.StateClosed:
			s.closed <- conn
		}
	}}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	s.forwarder = NewForwarder(s.directory, bound)
	t.Cleanup(func() {
		s.forwarder.Close()
		server.Close()
		served.Wait()
	})
	return s
}

// announce lists a node for each incarnation, all at the same address; "" is a process that
// nobody supervises.
func (s *site) announce(incarnations ...string) {
	s.documents++
	document := registry.Document{Writer: "test", Epoch: "one", Sequence: s.documents}
	for _, incarnation := range incarnations {
		node := plugins.Registration{Service: "webdav", NodeID: "webdav", Address: s.address}
		if incarnation != "" {
			node.Metadata = map[string]string{registry.Incarnation: incarnation}
		}
		document.Nodes = append(document.Nodes, node)
	}
	s.directory.Apply(document)
}

// begin sends a request and returns when the header of the answer is there.
func (s *site) begin() *http.Response {
	s.t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx, cancel := context.WithTimeout(s.t.Context(), bound)
	s.t.Cleanup(cancel)
	out := &http.Request{Method: http.MethodGet, URL: request.URL, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	response, err := s.forwarder.Send(ctx, out, "webdav", NewContent(httptest.NewRecorder(), request, bound))
	if err != nil {
		s.t.Fatal(err)
	}
	return response
}

func (s *site) ask() {
	s.t.Helper()
	s.finish(s.begin())
}

func (s *site) finish(response *http.Response) {
	s.t.Helper()
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello" {
		s.t.Fatalf("got %q, %v", body, err)
	}
}

func (s *site) connections() int { return len(s.opened) }

// awaitClosed waits for the end of the oldest connection.
func (s *site) awaitClosed() {
	s.t.Helper()
	first := <-s.opened
	select {
	case conn := <-s.closed:
		if conn != first {
			s.t.Fatal("another connection was closed")
		}
	case <-time.After(bound):
		s.t.Fatal("the connection to the replaced process stays open")
	}
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestConnectionsToAReplacedProcessAreLetGo(t *testing.T) {
	s := newSite(t, hello)
	s.announce("first")
	s.ask()
	s.announce("first") // something else has changed
	s.ask()
	if n := s.connections(); n != 1 {
		t.Fatalf("%d connections to one process", n)
	}
	s.announce("second")
	s.ask()
	s.awaitClosed()
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections to the replacement", n)
	}
}

func TestARequestThatRunsKeepsItsConnectionUntilItsEnd(t *testing.T) {
	goOn := make(chan struct{})
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = io.WriteString(w, "hello")
	})
	s.announce("first")
	running := s.begin()
	s.announce("second")
	other := s.begin()
	close(goOn)
	s.finish(running)
	s.awaitClosed()
	s.finish(other)
}

func TestReplicasShareTheirSocketsConnections(t *testing.T) {
	s := newSite(t, hello)
	s.announce("one", "two")
	for range 4 {
		s.ask()
	}
	if n := s.connections(); n != 1 {
		t.Fatalf("%d connections", n)
	}
	s.announce("one", "three")
	s.ask()
	s.awaitClosed()
}

func TestAProcessThatNobodySupervisesKeepsItsConnections(t *testing.T) {
	s := newSite(t, hello)
	for range 3 {
		s.announce("")
		s.ask()
	}
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
