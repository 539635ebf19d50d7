package microservice

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// linger is how long a kept connection may be unused before a server that drains
	// closes it. A client that uses it meanwhile is told to close it itself. Many ask
	// every second; they must not meet the end of a connection.
	linger = 1500 * time.Millisecond
	// newcomerLinger is the same for a connection without a request yet; it may be in the
	// middle of a TLS handshake. net/http's Shutdown has the same bound.
	newcomerLinger = 5 * time.Second
)

// visitors are the open connections of an HTTP server.
type visitors struct {
	mu      sync.Mutex
	open    map[net.Conn]*visitor
	changed chan struct{} // has room for one: seeOff has something to look at
}

// visitor is one connection.
type visitor struct {
	state http.ConnState
	since time.Time
	told  bool // its reading side was closed
}

func newVisitors() *visitors {
	return &visitors{open: make(map[net.Conn]*visitor), changed: make(chan struct{}, 1)}
}

// note is an http.Server's ConnState hook.
func (v *visitors) note(conn net.Conn, state http.ConnState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(v.open, conn)
	} else if known := v.open[conn]; known != nil {
		known.state, known.since = state, time.Now()
	} else {
		v.open[conn] = &visitor{state: state, since: time.Now()}
	}
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// seeOff waits until all connections of HTTP/1 have ended, at most until the deadline.
// Those that nobody uses are ended from this side.
func (v *visitors) seeOff(deadline time.Time) {
	expired := time.NewTimer(time.Until(deadline))
	defer expired.Stop()
	began := time.Now()
	for {
		left, next := v.endUnused(began, time.Now())
		if left == 0 {
			return
		}
		again := time.NewTimer(next)
		select {
		case <-v.changed:
		case <-again.C:
		case <-expired.C:
			again.Stop()
			return
		}
		again.Stop()
	}
}

// endUnused ends what was not used for long enough since draining began. It returns how
// many connections of HTTP/1 are left, and when to look again.
func (v *visitors) endUnused(began, now time.Time) (left int, next time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next = newcomerLinger
	for conn, known := range v.open {
		if known.state != http.StateNew && isHTTP2(conn) {
			continue
		}
		left++
		rest := known.rest(began, now)
		if rest > 0 {
			next = min(next, rest)
		} else if !known.told {
			known.told = true
			closeRead(conn)
		}
	}
	return left, next
}

// rest returns how long a connection may yet be unused; one that is used may be so for as
// long as it takes.
func (k *visitor) rest(began, now time.Time) time.Duration {
	since := k.since
	if since.Before(began) {
		since = began
	}
	switch k.state {
	case http.StateIdle:
		return linger - now.Sub(since)
	case http.StateNew:
		return newcomerLinger - now.Sub(since)
	default:
		return newcomerLinger
	}
}

// isHTTP2 is for connections whose TLS handshake is over.
func isHTTP2(conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// closeRead makes the server see the end of a connection after what has arrived on it. To
// close the connection could lose a request that arrives in this moment. On a unix socket
// it cannot be lost at all: from here on, writing to it is an error (shutdown(2)).
func closeRead(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if half, ok := conn.(interface{ CloseRead() error }); ok {
		_ = half.CloseRead() // the other end may have closed it
	} else {
		conn.Close()
	}
}
