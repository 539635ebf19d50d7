package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
)

const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = time.Minute
	maxHeaderBytes    = 16 << 10
	// drainTimeout bounds the wait for running calls when the runtime ends. Streams
	// and waiting calls are cancelled before.
	drainTimeout = 3 * time.Second
)

// Server serves the API of one runtime.
type Server struct {
	supervisor *supervisor.Supervisor
	metrics    *metrics.Collector
	log        *logrus.Entry
	listener   net.Listener
	http       *http.Server
	served     chan struct{} // closed when nothing is accepted any more
}

// Listen binds the API's socket. A runtime that serves it already is an error.
func Listen(path string, s *supervisor.Supervisor, collector *metrics.Collector, log *logrus.Logger) (*Server, error) {
	listener, err := plugins.Bind(plugins.Socket{Network: "unix", Address: path})
	if err != nil {
		return nil, fmt.Errorf("control API: %w", err)
	}
	server := &Server{
		supervisor: s, metrics: collector, log: log.WithField("component", "control"),
		listener: listener, served: make(chan struct{}),
	}
	base, cancel := context.WithCancel(context.Background())
	server.http = &http.Server{
		Handler:           server.routes(),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withPeer,
	}
	server.http.RegisterOnShutdown(cancel)
	go func() {
		defer close(server.served)
		if err := server.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			server.log.WithError(err).Error("the control API ended")
		}
	}()
	return server, nil
}

// Close ends the API: streams end, calls get a moment, the socket is removed. A second
// call does nothing.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.served
	if removeErr := os.Remove(s.listener.Addr().String()); removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
		err = errors.Join(err, removeErr)
	}
	return err
}

// peerKey is where a connection's context keeps what withPeer found.
type peerKey struct{}

// withPeer asks the kernel once for each connection who is at the other end.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, isWelcome(conn))
}
