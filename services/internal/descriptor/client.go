package descriptor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxIdle is how many unused connections a client keeps.
const maxIdle = 64

// ErrRefused means that the ticket is unknown, was used, or has expired.
var ErrRefused = errors.New("the ticket is not valid any more")

// Client fetches files from the broker behind a unix socket, over kept connections. It
// is safe for concurrent use.
type Client struct {
	path string

	mu     sync.Mutex
	idle   []*net.UnixConn
	closed bool
}

// NewClient returns a client of the socket at path. It connects when needed.
func NewClient(path string) *Client { return &Client{path: path} }

// Close drops the kept connections. What was borrowed stays borrowed.
func (c *Client) Close() {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	for _, conn := range idle {
		conn.Close()
	}
}

// Fetch returns the file that ticket stands for; the caller closes it. It blocks until
// ctx is done, at most a few seconds.
func (c *Client) Fetch(ctx context.Context, ticket []byte) (*os.File, error) {
	file, conn, err := c.redeem(ctx, ticket)
	if err != nil {
		return nil, err
	}
	c.keep(conn)
	return file, nil
}

// Loan is a borrowed file. Exactly one of Return and Abandon ends it; later calls of
// either have no effect. Both close File.
type Loan struct {
	File *os.File

	client *Client
	once   sync.Once
	conn   *net.UnixConn
}

// Borrow is Fetch for a file that was lent: the lender learns when the loan ends, and
// so it does when this process ends.
func (c *Client) Borrow(ctx context.Context, ticket []byte) (*Loan, error) {
	file, conn, err := c.redeem(ctx, ticket)
	if err != nil {
		return nil, err
	}
	return &Loan{File: file, client: c, conn: conn}, nil
}

// Return ends a loan whose purpose was fulfilled. The connection is kept, so the
// lender learns of it some time later.
func (l *Loan) Return() {
	l.once.Do(func() {
		l.File.Close()
		l.client.keep(l.conn)
	})
}

// Abandon ends a loan, and the lender learns of it at once.
func (l *Loan) Abandon() {
	l.once.Do(func() {
		l.File.Close()
		l.conn.Close()
	})
}

// redeem uses a kept connection when there is one. Only one whose server went away
// while it was idle is replaced: then the ticket cannot have been used.
func (c *Client) redeem(ctx context.Context, ticket []byte) (*os.File, *net.UnixConn, error) {
	if len(ticket) != TicketSize {
		return nil, nil, ErrRefused
	}
	for {
		conn, kept, err := c.connection(ctx)
		if err != nil {
			return nil, nil, err
		}
		file, err := exchange(ctx, conn, ticket)
		if err == nil {
			return file, conn, nil
		}
		if errors.Is(err, ErrRefused) {
			c.keep(conn)
			return nil, nil, err
		}
		conn.Close()
		if !kept || !hungUp(err) {
			return nil, nil, fmt.Errorf("fetch a descriptor from %s: %w", c.path, err)
		}
	}
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

func (c *Client) connection(ctx context.Context) (conn *net.UnixConn, kept bool, err error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		conn, c.idle = c.idle[n-1], c.idle[:n-1]
		c.mu.Unlock()
		return conn, true, nil
	}
	c.mu.Unlock()
	dialer := net.Dialer{Timeout: exchangeTimeout}
	dialled, err := dialer.DialContext(ctx, "unix", c.path)
	if err != nil {
		return nil, false, fmt.Errorf("connect to %s: %w", c.path, err)
	}
	return dialled.(*net.UnixConn), false, nil
}

func (c *Client) keep(conn *net.UnixConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= maxIdle {
		conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
}

func exchange(ctx context.Context, conn *net.UnixConn, ticket []byte) (*os.File, error) {
	deadline := time.Now().Add(exchangeTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	file, err := ask(conn, ticket)
	if !stop() && err == nil {
		// The deadline may be set after this; the connection cannot be kept.
		file.Close()
		err = context.Cause(ctx)
	}
	return file, err
}

func ask(conn *net.UnixConn, ticket []byte) (*os.File, error) {
	if _, err := conn.Write(ticket); err != nil {
		return nil, err
	}
	var status [1]byte
	oob := make([]byte, syscall.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(status[:], oob)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	case status[0] != statusGranted:
		return nil, ErrRefused
	}
	return receive(oob[:oobn])
}

// receive takes the one descriptor out of a control message.
func receive(oob []byte) (*os.File, error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, errors.New("no descriptor came with the answer")
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("no descriptor came with the answer")
	}
	syscall.CloseOnExec(fds[0]) // Linux does so on receipt, others do not
	return os.NewFile(uintptr(fds[0]), "content"), nil
}
