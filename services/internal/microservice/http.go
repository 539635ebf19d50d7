package microservice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go-micro.dev/v4/registry"
	"go-micro.dev/v4/server"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Limits of an HTTP server, unless an option changes them.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// HTTPOption changes the underlying server: its limits, or its TLSConfig, with which
// it serves TLS.
type HTTPOption func(*http.Server)

// The last part of draining, before the process ends.
const (
	// farewell is for HTTP/2: net/http closes a connection a second after its goodbye.
	farewell = 2 * time.Second
	// margin is for what a service does after its server has stopped.
	margin = 500 * time.Millisecond
)

// ServeHTTP serves handler on the child's socket of that name until ctx is done, then
// drains: it accepts no more connections, answers what still comes on those it has, asks
// their clients to close them, and ends those that nobody uses. It returns when none is
// left, at the latest a moment before the child must have drained.
func ServeHTTP(ctx context.Context, child *plugins.Child, socket string, handler http.Handler, options ...HTTPOption) error {
	listener, err := child.Listener(socket)
	if err != nil {
		return err
	}
	return serve(ctx, child, newHTTPServer(child, listener, handler, options))
}

// httpServer is a go-micro server over net/http. go-micro's own HTTP server plugin can
// neither limit slow clients nor wait for running requests when it stops.
type httpServer struct {
	child    *plugins.Child
	listener net.Listener
	http     *http.Server
	visitors *visitors
	draining atomic.Bool
	served   sync.WaitGroup

	mu      sync.Mutex
	options server.Options
}

func newHTTPServer(child *plugins.Child, listener net.Listener, handler http.Handler, options []HTTPOption) *httpServer {
	s := &httpServer{
		child:    child,
		listener: listener,
		visitors: newVisitors(),
		http: &http.Server{
			ReadHeaderTimeout: readHeaderTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
		},
	}
	for _, option := range options {
		option(s.http)
	}
	s.http.Handler = s.withGoodbye(handler)
	s.http.ConnState = both(s.visitors.note, s.http.ConnState)
	s.options.Registry = ownRegistry(child, listener, s.String())
	for _, option := range serverOptions(child) {
		option(&s.options)
	}
	return s
}

// Init implements server.Server.
func (s *httpServer) Init(options ...server.Option) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, option := range options {
		option(&s.options)
	}
	return nil
}

// Options implements server.Server.
func (s *httpServer) Options() server.Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options
}

// Start implements server.Server.
func (s *httpServer) Start() error {
	s.served.Go(func() {
		var err error
		if s.http.TLSConfig != nil {
			err = s.http.ServeTLS(s.listener, "", "")
		} else {
			err = s.http.Serve(s.listener)
		}
		if !s.draining.Load() {
			s.child.Log().WithError(err).Error("the HTTP server ended")
		}
	})
	return s.Options().Registry.Register(&registry.Service{Name: s.child.Service(), Version: s.child.Version()})
}

// Stop implements server.Server: it drains. net/http's Shutdown alone would lose what
// clients of HTTP/1 send in that moment: it closes idle connections, and drops requests
// that are just being read. With HTTP/2 it says goodbye (GOAWAY) and waits.
func (s *httpServer) Stop() error {
	by := s.child.DrainBy().Add(-margin)
	ctx, cancel := context.WithDeadline(context.Background(), by)
	defer cancel()
	s.draining.Store(true)
	_ = s.listener.Close() // the descriptor is gone, whatever it says
	s.served.Wait()
	s.visitors.seeOff(by.Add(-farewell))
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("requests were still running when the time for draining was over: %w", errors.Join(err, s.http.Close()))
	}
	return nil
}

// withGoodbye asks clients to close their connections while the server drains. For HTTP/2
// net/http makes a GOAWAY of it.
func (s *httpServer) withGoodbye(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

// both returns a ConnState hook that calls two; the second may be nil.
func both(first, second func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	if second == nil {
		return first
	}
	return func(conn net.Conn, state http.ConnState) {
		first(conn, state)
		second(conn, state)
	}
}

// String implements server.Server.
func (s *httpServer) String() string {
	if s.http.TLSConfig != nil {
		return "https"
	}
	return "http"
}

// errHTTPOnly answers what go-micro offers to servers of messages only.
var errHTTPOnly = errors.New("an HTTP server takes its handler when it is made")

// Handle implements server.Server.
func (s *httpServer) Handle(server.Handler) error { return errHTTPOnly }

// NewHandler implements server.Server.
func (s *httpServer) NewHandler(any, ...server.HandlerOption) server.Handler { return nil }

// NewSubscriber implements server.Server.
func (s *httpServer) NewSubscriber(string, any, ...server.SubscriberOption) server.Subscriber {
	return nil
}

// Subscribe implements server.Server.
func (s *httpServer) Subscribe(server.Subscriber) error { return errHTTPOnly }
