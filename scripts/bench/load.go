package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// requestTimeout bounds one request of the load, the 128 MiB ones included.
const requestTimeout = 30 * time.Second

// An endpoint is a WebDAV folder on a server that speaks TLS.
type endpoint struct {
	addr string // host:port
	root string // path of the folder, with a slash at its end
	user string
	pass string
}

func (e endpoint) url(path string) string { return "https://" + e.addr + e.root + path }

// A connection is one keep-alive connection of the load. It writes requests and reads
// answers itself: net/http's client costs about as much CPU as the servers under test,
// and on the same cores it would hide the difference between them.
type connection struct {
	endpoint endpoint
	head     string // the header lines that every request has
	conn     net.Conn
	reader   *bufio.Reader
	release  func() bool
}

// connect opens a connection, which breaks when ctx is done.
func (e endpoint) connect(ctx context.Context) (*connection, error) {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}
	conn, err := dialer.DialContext(ctx, "tcp", e.addr)
	if err != nil {
		return nil, err
	}
	credential := base64.StdEncoding.EncodeToString([]byte(e.user + ":" + e.pass))
	return &connection{
		endpoint: e,
		head:     "Host: " + e.addr + "\r\nAuthorization: Basic " + credential + "\r\n",
		conn:     conn,
		reader:   bufio.NewReaderSize(conn, 64<<10),
		release:  context.AfterFunc(ctx, func() { conn.Close() }),
	}, nil
}

func (c *connection) close() {
	c.release()
	c.conn.Close()
}

// A request of the load. The path is relative to the endpoint's folder; header lines
// end with CRLF; of body, size bytes are sent, repeating it.
type request struct {
	method string
	path   string
	header string
	body   []byte
	size   int64
	want   int // the status of a success
}

// do sends the request and reads the whole answer. It returns the size of its body.
func (c *connection) do(r request) (int64, error) {
	size, closes, err := c.exchange(r)
	if err == nil && closes {
		err = errors.New("the server closes a keep-alive connection")
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return size, err
}

// exchange is do for a connection that may end with the answer.
func (c *connection) exchange(r request) (size int64, closes bool, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return 0, false, err
	}
	if err := c.send(r); err != nil {
		return 0, false, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, false, err
	}
	size, err = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if err == nil && response.StatusCode != r.want {
		err = fmt.Errorf("%s instead of %d", response.Status, r.want)
	}
	return size, response.Close, err
}

func (c *connection) send(r request) error {
	message := make([]byte, 0, 512+min(len(r.body), 8<<10))
	message = append(message, r.method+" "+c.endpoint.root+r.path+" HTTP/1.1\r\n"+c.head+r.header...)
	if r.size > 0 {
		message = append(message, "Content-Length: "+strconv.FormatInt(r.size, 10)+"\r\n"...)
	}
	message = append(message, "\r\n"...)
	if r.size > 0 && r.size == int64(len(r.body)) && len(r.body) <= 8<<10 {
		_, err := c.conn.Write(append(message, r.body...))
		return err
	}
	if _, err := c.conn.Write(message); err != nil {
		return err
	}
	for sent := int64(0); sent < r.size; {
		part := r.body[:min(int64(len(r.body)), r.size-sent)]
		if _, err := c.conn.Write(part); err != nil {
			return err
		}
		sent += int64(len(part))
	}
	return nil
}

// A step makes the n-th request of a client; false: there is nothing left to do.
type step func(client, n int) (request, bool)

// throughput lets every connection send requests until the window is over or its step
// has nothing left to do. It returns how many all made together, and how long it took.
func throughput(ctx context.Context, connections []*connection, window time.Duration, next step) (int, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	var (
		clients  sync.WaitGroup
		mu       sync.Mutex
		requests int
		failure  error
	)
	began := time.Now()
	for i, c := range connections {
		clients.Go(func() {
			done, err := work(ctx, c, func(n int) (request, bool) { return next(i, n) })
			mu.Lock()
			defer mu.Unlock()
			requests += done
			failure = errors.Join(failure, err)
		})
	}
	clients.Wait()
	return requests, time.Since(began), failure
}

func work(ctx context.Context, c *connection, next func(n int) (request, bool)) (int, error) {
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return n, nil
		}
		r, more := next(n)
		if !more {
			return n, nil
		}
		if _, err := c.do(r); err != nil {
			return n, err
		}
	}
}
