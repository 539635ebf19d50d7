package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/net/netutil"

	"github.com/owncloud/ocis-runtime/supervisor/sockets"
)

// What a client on the network may take of the runtime.
const (
	maxConnections    = 16
	readHeaderTimeout = 5 * time.Second
	writeTimeout      = 15 * time.Second
	idleTimeout       = 2 * time.Minute // more than between two scrapes
	maxHeaderBytes    = 16 << 10
	drainTimeout      = time.Second
)

// Server serves the metrics, and nothing else, on a TCP address. It asks nobody who he is.
type Server struct {
	http   *http.Server
	served chan struct{} // closed when nothing is accepted any more
}

// Listen binds the address, such as "127.0.0.1:9201", and serves until Close. An address that
// is taken is an error that names who has it.
func Listen(address string, collector *Collector, log *logrus.Entry) (*Server, error) {
	listener, err := sockets.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warnf("whoever reaches %s can read the metrics", tcp)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", collector.serve)
	s := &Server{
		http: &http.Server{
			Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readHeaderTimeout,
			WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		},
		served: make(chan struct{}),
	}
	go func() {
		defer close(s.served)
		err := s.http.Serve(netutil.LimitListener(listener, maxConnections))
		if !errors.Is(err, http.ErrServerClosed) {
			log.WithError(err).Error("metrics are not served any more")
		}
	}()
	return s, nil
}

// Close ends the server. A scrape that is under way gets a moment; clients that just stay
// connected do not keep it.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.served
	return err
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	page, err := c.Scrape(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", ContentType)
	_, _ = w.Write(page) // the client may be gone
}
