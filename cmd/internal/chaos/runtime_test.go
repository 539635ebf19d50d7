package chaos

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/history"
)

// patience bounds every wait of the tests.
const patience = 30 * time.Second

// A stage plays a runtime: it serves the control API, and its children are rows of a list.
type stage struct {
	*client.Client
	server *httptest.Server
	events *history.Log

	mu        sync.Mutex
	instances []client.Instance
	services  map[string]client.Service
	signals   []string // that arrived, with their instances
	// crash says what follows a signal; it is called with the lock held.
	crash func(s *stage, n int, signal string)
}

// replace is what a supervisor makes of a hit.
func replace(s *stage, n int, _ string) {
	i := &s.instances[n]
	i.Pid++
	i.Incarnation += "+"
	s.say(*i)
}

func (s *stage) say(i client.Instance) {
	s.events.Add(client.Event{Kind: client.EventStatus, Service: i.Service, Instance: i.Instance, Incarnation: i.Incarnation, Status: i.Status})
}

// perform starts a stage with ready instances.
func perform(t *testing.T, crash func(*stage, int, string), names ...string) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "chaos") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &stage{Client: client.New(dir), events: history.New(), crash: crash, services: map[string]client.Service{}}
	for n, name := range names {
		service := name[:strings.LastIndex(name, "-")]
		s.instances = append(s.instances, client.Instance{Service: service, Instance: name, Status: client.StatusReady, Pid: 100 * (n + 1), Incarnation: name})
		s.services[service] = client.Service{Name: service, Restart: "always"}
	}
	listener, err := net.Listen("unix", filepath.Join(dir, client.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/services", s.list)
	mux.HandleFunc("GET /v1/services/{name}", s.status)
	mux.HandleFunc("POST /v1/services/{name}/crash", s.hit)
	mux.HandleFunc("GET /v1/events", s.follow)
	s.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	s.server.Start()
	t.Cleanup(s.end)
	return s
}

// end is the end of the runtime.
func (s *stage) end() {
	s.server.CloseClientConnections()
	s.server.Close()
}

func (s *stage) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s.instances)
}

func (s *stage) status(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s.services[r.PathValue("name")])
}

func (s *stage) hit(w http.ResponseWriter, r *http.Request) {
	var request client.CrashRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.IndexFunc(s.instances, func(i client.Instance) bool { return i.Instance == r.PathValue("name") })
	if n < 0 {
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(client.Error{Code: http.StatusConflict, Message: "no such instance"})
		return
	}
	s.signals = append(s.signals, s.instances[n].Instance+" "+request.Signal)
	s.crash(s, n, request.Signal)
	_ = json.NewEncoder(w).Encode(client.Service{Name: s.instances[n].Service})
}

func (s *stage) follow(w http.ResponseWriter, r *http.Request) {
	var since uint64
	fmt.Sscan(r.FormValue("since"), &since)
	encoder := json.NewEncoder(w)
	send := func(event client.Event) error {
		defer w.(http.Flusher).Flush()
		return encoder.Encode(event)
	}
	if r.FormValue("follow") != "true" {
		events, _ := s.events.Since(since)
		for _, event := range events {
			_ = send(event)
		}
		return
	}
	w.(http.Flusher).Flush()
	_ = s.events.Follow(r.Context(), since, send)
}

func (s *stage) arrived() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.signals)
}
