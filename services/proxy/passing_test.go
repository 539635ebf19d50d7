package proxy

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func TestATooLargeHeaderIsRefusedAndTheConnectionLives(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) {
			s := newStack(t, http2)
			s.serve(serviceWebDAV, hello)
			for _, size := range []int{maxHeader, 3 * maxHeader} {
				r := s.request("GET", "/dav/a", nil)
				r.Header.Set("X-Large", strings.Repeat("x", size))
				s.want(http.StatusRequestHeaderFieldsTooLarge, r)
			}
			r := s.request("GET", "/dav/a", nil)
			r.Header.Set("X-Large", strings.Repeat("x", maxHeader-4096))
			if response, _ := s.want(http.StatusOK, r); (response.ProtoMajor == 2) != http2 {
				t.Errorf("it is %s", response.Proto)
			}
		})
	}
}

func TestHalfAnAnswerNeverLooksWhole(t *testing.T) {
	for name, half := range map[string]string{
		"with a length":    "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100_000),
		"one byte missing": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123456789",
		"in chunks":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
		"within a chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n12345",
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, http2), func(t *testing.T) {
				s := newStack(t, http2)
				s.raw(serviceWebDAV, func(conn net.Conn) {
					readRequest(conn)
					_, _ = io.WriteString(conn, half)
				})
				if response, body, err := s.do(s.request("GET", "/dav/a", nil)); err == nil {
					t.Errorf("looks whole: %s with %d bytes", response.Status, len(body))
				}
			})
		}
	}
}

func TestContentPassesUnchanged(t *testing.T) {
	const size = 20 << 20
	content := make([]byte, size)
	rand.Read(content)
	sum := sha256.Sum256(content)
	for _, http2 := range []bool{false, true} {
		for name, length := range map[string]int64{"with a length": size, "without": -1} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, http2), func(t *testing.T) {
				s := newStack(t, http2)
				s.serve(serviceWebDAV, func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err != nil || sha256.Sum256(body) != sum || r.ContentLength != length {
						t.Errorf("arrived: %d bytes, announced %d, %v", len(body), r.ContentLength, err)
					}
					if length > 0 {
						w.Header().Set("Content-Length", fmt.Sprint(size))
					}
					_, _ = w.Write(body)
				})
				r := s.request("PUT", "/dav/a", bytes.NewReader(content))
				r.ContentLength = length
				if _, body := s.want(http.StatusOK, r); sha256.Sum256([]byte(body)) != sum {
					t.Errorf("came back: %d bytes", len(body))
				}
			})
		}
	}
}

func TestHeadKeepsTheLengthAndSendsNothing(t *testing.T) {
	s := newStack(t, false)
	s.serve(serviceWebDAV, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "12345") })
	for range 2 { // the second one over the same connection
		response, body := s.want(http.StatusOK, s.request("HEAD", "/dav/a", nil))
		if response.ContentLength != 12345 || body != "" {
			t.Errorf("length %d, body %q", response.ContentLength, body)
		}
	}
}

type closing struct {
	net.Conn
	closed *atomic.Int64
}

func (c *closing) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}
