package upstream

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// answerTimeout begins when the whole request was sent. It is for work that takes
	// long, such as copying a large tree; a hung instance is replaced much earlier.
	answerTimeout = 5 * time.Minute
	// continueTimeout is for an instance that does not know "Expect: 100-continue".
	continueTimeout = 30 * time.Second
	idleFor         = 90 * time.Second
	maxIdle         = 256
	maxHeaderBytes  = 256 << 10
	bufferBytes     = 16 << 10
)

// newTransport returns the kept connections to one address: "unix:/path" or host:port.
func newTransport(address string) *http.Transport {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleFor,
		ResponseHeaderTimeout:  answerTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ReadBufferSize:         bufferBytes,
		WriteBufferSize:        bufferBytes,
	}
}

// countedConn knows whether anything was sent on it. That is how a request is told that
// met a connection which the other end had already closed.
type countedConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (c *countedConn) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.Conn, r)
	c.written.Add(n)
	return n, err
}

// sending follows one attempt.
type sending struct {
	conn   atomic.Pointer[countedConn]
	before int64
}

// trace returns a context that tells s which connection the attempt uses.
func (s *sending) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if conn, ok := info.Conn.(*countedConn); ok {
				s.before = conn.written.Load()
				s.conn.Store(conn)
			}
		},
	})
}

// sent tells whether anything of the attempt went out.
func (s *sending) sent() bool {
	conn := s.conn.Load()
	return conn != nil && conn.written.Load() > s.before
}
