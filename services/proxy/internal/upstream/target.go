package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// The time for an answer begins when the whole request was sent. Work may take long,
	// such as copying a large tree; reading may not. A hung instance is replaced much
	// earlier.
	workTimeout = 5 * time.Minute
	readTimeout = time.Minute
	// continueTimeout is for an instance that does not know "Expect: 100-continue".
	continueTimeout = 30 * time.Second
	idleFor         = 90 * time.Second
	maxIdle         = 256
	maxHeaderBytes  = 256 << 10
	bufferBytes     = 16 << 10
)

// target is whom requests are sent to.
type target struct {
	address string // "unix:/path" or host:port
	safe    bool   // requests that change nothing
}

func (t target) answerTimeout() time.Duration {
	if t.safe {
		return readTimeout
	}
	return workTimeout
}

// newTransport returns the kept connections to a target.
func newTransport(t target) *http.Transport {
	network, address := "tcp", t.address
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
		ResponseHeaderTimeout:  t.answerTimeout(),
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
	// forgives is the value of written after which the other end may close early, or -1.
	forgives atomic.Int64
	ended    atomic.Pointer[func()] // called when the other end closes; may be nil
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		if ended := c.ended.Load(); ended != nil {
			(*ended)()
		}
	}
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	if c.forgive(err) {
		return len(p), nil
	}
	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (c *countedConn) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.Conn, r)
	c.written.Add(n)
	if c.forgive(err) {
		var dropped int64
		dropped, err = io.Copy(io.Discard, r)
		n += dropped
	}
	return n, err
}

// forgive tells whether an instance closed its end after it had begun to take content. It
// may have answered before: net/http drops an answer when it cannot write, so it must
// not notice. If there is no answer, reading fails.
func (c *countedConn) forgive(err error) bool {
	after := c.forgives.Load()
	return after >= 0 && c.written.Load() > after && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET))
}

// sending follows the attempts of a request, one after the other.
type sending struct {
	content *Content
	conn    atomic.Pointer[countedConn]
	before  atomic.Int64
}

// follow returns a context that tells s which connection an attempt uses.
func (s *sending) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: s.gotConn})
}

func (s *sending) gotConn(info httptrace.GotConnInfo) {
	conn, ok := info.Conn.(*countedConn)
	if !ok {
		return
	}
	written := conn.written.Load()
	s.before.Store(written)
	s.conn.Store(conn)
	if !s.content.streamed() {
		conn.forgives.Store(-1)
		return
	}
	conn.forgives.Store(written)
	// Otherwise net/http waits for a client that sends nothing just now, to tell it that
	// nobody listens.
	ended := s.content.breakOff
	conn.ended.Store(&ended)
}

// finish lets go of the connection.
func (s *sending) finish() {
	if conn := s.conn.Load(); conn != nil {
		conn.ended.Store(nil)
	}
}

// begin forgets the last attempt.
func (s *sending) begin() { s.conn.Store(nil) }

// unread tells whether an error means that the instance has not read all that was sent. On
// Linux, a unix socket that is closed with unread data resets the connection, and only
// then (unix_release_sock in net/unix/af_unix.c).
func (s *sending) unread(err error) bool {
	conn := s.conn.Load()
	return runtime.GOOS == "linux" && conn != nil && conn.RemoteAddr().Network() == "unix" && errors.Is(err, syscall.ECONNRESET)
}

// sent tells whether anything of the last attempt went out.
func (s *sending) sent() bool {
	conn := s.conn.Load()
	return conn != nil && conn.written.Load() > s.before.Load()
}
