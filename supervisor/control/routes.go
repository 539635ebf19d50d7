package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// maxBodyBytes bounds what a request may carry.
const maxBodyBytes = 4 << 10

// routes are all calls of the API; a test holds docs/control-api.yaml against them.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, handler := range s.table() {
		mux.HandleFunc(pattern, handler)
	}
	mux.HandleFunc("/", s.unknownRoute)
	return s.guard(mux)
}

func (s *Server) table() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /v1/services":                 s.list,
		"GET /v1/services/{name}":          s.status,
		"POST /v1/services/{name}/run":     s.act((*supervisor.Supervisor).Run),
		"POST /v1/services/{name}/kill":    s.act((*supervisor.Supervisor).Kill),
		"POST /v1/services/{name}/restart": s.act((*supervisor.Supervisor).Restart),
		"POST /v1/services/{name}/crash":   s.crash,
		"POST /v1/services/{name}/scale":   s.scale,
		"GET /v1/tree":                     s.tree,
		"GET /v1/events":                   s.events,
		"GET /v1/logs":                     s.logs,
		"GET /metrics":                     s.scrape,
	}
}

// guard refuses strangers, bounds bodies, and turns a panic into an answer.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if problem := recover(); problem != nil && problem != http.ErrAbortHandler {
				s.log.WithField("stack", string(debug.Stack())).Errorf("panic in %s %s: %v", r.Method, r.URL.Path, problem)
				fail(w, http.StatusInternalServerError, errors.New("the call failed inside the runtime; its log says more"))
			}
		}()
		if allowed, _ := r.Context().Value(peerKey{}).(bool); !allowed {
			fail(w, http.StatusForbidden, errors.New("this runtime belongs to another user"))
			return
		}
		if asked := r.URL.EscapedPath(); path.Clean("/"+asked) != asked { // ServeMux would redirect, in HTML
			s.unknownRoute(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		next.ServeHTTP(w, r)
	})
}

func (s *Server) unknownRoute(w http.ResponseWriter, r *http.Request) {
	var methods []string
	for pattern := range s.table() {
		method, route, _ := strings.Cut(pattern, " ")
		if matches(route, r.URL.Path) {
			methods = append(methods, method)
		}
	}
	if len(methods) > 0 {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		fail(w, http.StatusMethodNotAllowed, fmt.Errorf("%s takes %s, not %s", r.URL.Path, strings.Join(methods, " or "), r.Method))
		return
	}
	fail(w, http.StatusNotFound, fmt.Errorf("there is no %s; docs/control-api.yaml lists the calls", r.URL.Path))
}

// matches tells whether path fits a pattern with {name} in place of one segment.
func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request) { answer(w, s.supervisor.List()) }

func (s *Server) tree(w http.ResponseWriter, _ *http.Request) { answer(w, s.supervisor.Tree()) }

func (s *Server) scrape(w http.ResponseWriter, r *http.Request) {
	page, err := s.metrics.Scrape(r.Context())
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	w.Header().Set("Content-Type", metrics.ContentType)
	_, _ = w.Write(page) // the client may be gone
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	status, err := s.supervisor.Status(r.Context(), r.PathValue("name"))
	if err != nil {
		failWith(w, err)
		return
	}
	answer(w, status)
}

// act answers a command with the service's state after it.
func (s *Server) act(command func(*supervisor.Supervisor, context.Context, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := command(s.supervisor, r.Context(), r.PathValue("name")); err != nil {
			failWith(w, err)
			return
		}
		s.status(w, r)
	}
}

func (s *Server) crash(w http.ResponseWriter, r *http.Request) {
	signal, err := readCrash(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	s.act(func(sup *supervisor.Supervisor, ctx context.Context, name string) error {
		return sup.Crash(ctx, name, signal)
	})(w, r)
}

// readCrash returns the signal that a crash call asks for, SIGKILL when it has no body.
func readCrash(r *http.Request) (syscall.Signal, error) {
	request := client.CrashRequest{Signal: "SIGKILL"}
	if err := readBody(r, &request, `{"signal":"SIGKILL"}`); err != nil {
		return 0, err
	}
	return process.ParseSignal(request.Signal)
}

func (s *Server) scale(w http.ResponseWriter, r *http.Request) {
	var request client.ScaleRequest
	if err := readBody(r, &request, `{"replicas":2}`); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	s.act(func(sup *supervisor.Supervisor, ctx context.Context, name string) error {
		return sup.Scale(ctx, name, request.Replicas)
	})(w, r)
}

// readBody fills request from a body, if there is one. example shows what is expected.
func readBody(r *http.Request, request any, example string) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if len(body) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(request)
	if _, more := decoder.Token(); err == nil && more != io.EOF {
		err = errors.New("something follows it")
	}
	if err != nil {
		return fmt.Errorf("the body is not like %s: %w", example, err)
	}
	return nil
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(body) // the client may be gone
}

// failWith chooses the status that fits an error of the supervisor.
func failWith(w http.ResponseWriter, err error) {
	var unknown *supervisor.UnknownServiceError
	var impossible *supervisor.ReplicasError
	switch {
	case errors.As(err, &impossible):
		fail(w, http.StatusBadRequest, err)
	case errors.As(err, &unknown):
		fail(w, http.StatusNotFound, err)
	default:
		fail(w, http.StatusConflict, err)
	}
}

func fail(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	message := strings.Join(strings.Fields(err.Error()), " ")
	_ = json.NewEncoder(w).Encode(client.Error{Code: code, Message: message}) // the client may be gone
}
