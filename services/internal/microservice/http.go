package microservice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
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

// ServeHTTP serves handler on the child's socket of that name until ctx is done, then
// drains: it closes idle connections and waits for running requests, at most the
// service's StopGrace.
func ServeHTTP(ctx context.Context, child *plugins.Child, socket string, handler http.Handler, options ...HTTPOption) error {
	listener, err := child.Listener(socket)
	if err != nil {
		return err
	}
	srv := newHTTPServer(child, listener, handler, options)
	return serve(ctx, child, srv)
}

// httpServer is a go-micro server over net/http. go-micro's own HTTP server plugin can
// neither limit slow clients nor wait for running requests when it stops.
type httpServer struct {
	child    *plugins.Child
	listener net.Listener
	http     *http.Server
	served   sync.WaitGroup

	mu      sync.Mutex
	options server.Options
}

func newHTTPServer(child *plugins.Child, listener net.Listener, handler http.Handler, options []HTTPOption) *httpServer {
	s := &httpServer{
		child:    child,
		listener: listener,
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: readHeaderTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
		},
	}
	for _, option := range options {
		option(s.http)
	}
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
		if !errors.Is(err, http.ErrServerClosed) {
			s.child.Log().WithError(err).Error("the HTTP server ended")
		}
	})
	return s.Options().Registry.Register(&registry.Service{Name: s.child.Service(), Version: s.child.Version()})
}

// Stop implements server.Server: it drains.
func (s *httpServer) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.child.StopGrace())
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests were still running after %s: %w", s.child.StopGrace(), errors.Join(err, s.http.Close()))
	}
	s.served.Wait()
	return err
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
