package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/accesslog"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/login"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/upstream"
)

// stack is a proxy on TCP with fake services on unix sockets.
type stack struct {
	t         *testing.T
	dir       string
	directory *registry.Directory
	verifier  *token.Verifier
	server    *httptest.Server
	client    *http.Client
	access    *lines
	handler   *handler
	asked     atomic.Int64 // passwords that were verified

	mu    sync.Mutex
	nodes []plugins.Registration
	age   int
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newStack starts a proxy; options change its handler before the first request.
func newStack(t *testing.T, http2 bool, options ...func(*handler)) *stack {
	t.Helper()
	dir, err := os.MkdirTemp("", "proxy") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	keys, err := token.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := keys.Signer()
	verifier, _ := keys.Verifier()
	log := logrus.New()
	log.SetOutput(io.Discard)
	s := &stack{t: t, dir: dir, directory: registry.NewDirectory(), verifier: verifier, access: &lines{}}
	s.handler = &handler{
		anonymous: nobody(signer),
		logins:    login.NewAuthenticator(s.ask, signer),
		forwarder: upstream.NewForwarder(s.directory, 10*time.Second),
		access:    accesslog.New(s.access, Name, "proxy-1"),
		ids:       newRequestIDs(),
		crossSite: http.NewCrossOriginProtection(),
		stall:     time.Minute,
		log:       logrus.NewEntry(log),
	}
	for _, option := range options {
		option(s.handler)
	}
	s.server = httptest.NewUnstartedServer(s.handler)
	s.server.EnableHTTP2 = http2
	s.server.Config.MaxHeaderBytes = readHeader
	s.server.Config.ErrorLog = serverLog(s.handler.log)
	s.server.StartTLS()
	s.client = s.server.Client()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.server.Close()
		s.handler.forwarder.Close()
	})
	return s
}

// ask knows alice only.
func (s *stack) ask(_ context.Context, username, password string) (token.Claims, error) {
	s.asked.Add(1)
	if username != "alice" || password != "alice-secret" {
		return token.Claims{}, login.ErrWrong
	}
	return token.Claims{Subject: "id-alice", Username: "alice", Service: Name}, nil
}

// announce lists a node, in the way the supervisor does.
func (s *stack) announce(service, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.age++
	s.nodes = append(s.nodes, plugins.Registration{Service: service, NodeID: service + "-1", Address: address})
	s.directory.Apply(registry.Document{Writer: "test", Sequence: uint64(s.age), Nodes: s.nodes})
}

// listen binds a service's socket.
func (s *stack) listen(service string) net.Listener {
	s.t.Helper()
	listener, err := net.Listen("unix", filepath.Join(s.dir, service+".sock"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { listener.Close() })
	return listener
}

// serve runs a service that, like all of them, wants a token.
func (s *stack) serve(service string, handle http.HandlerFunc) {
	s.t.Helper()
	listener := s.listen(service)
	server := &http.Server{Handler: token.Require(s.verifier, handle)}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	s.t.Cleanup(func() {
		server.Close()
		served.Wait()
	})
	s.announce(service, "unix:"+listener.Addr().String())
}

// raw runs a service that handles its connections itself, one after the other, each by
// the next of the functions. Having no more of them is a failure of the test.
func (s *stack) raw(service string, handle ...func(net.Conn)) {
	s.t.Helper()
	listener := s.listen(service)
	var served sync.WaitGroup
	served.Go(func() {
		for _, h := range handle {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				h(conn)
			})
		}
	})
	s.t.Cleanup(func() {
		listener.Close()
		served.Wait()
	})
	s.announce(service, "unix:"+listener.Addr().String())
}

// request makes a request by alice.
func (s *stack) request(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth("alice", "alice-secret")
	return r
}

// do sends a request and reads the whole answer.
func (s *stack) do(r *http.Request) (*http.Response, string, error) {
	s.t.Helper()
	response, err := s.client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// want sends a request and checks the answer's status.
func (s *stack) want(status int, r *http.Request) (*http.Response, string) {
	s.t.Helper()
	response, body, err := s.do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	if response.StatusCode != status {
		s.t.Fatalf("%s %s: %s (%s), want %d", r.Method, r.URL.Path, response.Status, strings.TrimSpace(body), status)
	}
	return response, body
}

// dial connects to the proxy for bytes that no client would send.
func (s *stack) dial() net.Conn {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// hello is a service that says who asked for what.
func hello(w http.ResponseWriter, r *http.Request) {
	claims, _ := token.FromContext(r.Context())
	w.Header().Set("X-User", claims.Username)
	w.Header().Set("X-Subject", claims.Subject)
	w.Header().Set("X-Service", claims.Service)
	_, _ = io.WriteString(w, r.Method+" "+r.RequestURI)
}
