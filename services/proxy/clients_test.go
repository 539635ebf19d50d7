package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnEarlyRefusalReachesAClientThatSendsEverythingFirst(t *testing.T) {
	const size = 8 << 20
	for name, refuse := range map[string]http.HandlerFunc{
		"before the content": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no space", http.StatusInsufficientStorage)
		},
		"in the content": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, size/4)
			http.Error(w, "no space", http.StatusInsufficientStorage)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, false)
			s.serve(serviceWebDAV, refuse)
			conn := s.dial()
			fmt.Fprintf(conn, "PUT /dav/a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0\r\nContent-Length: %d\r\n\r\n", size)
			if _, err := conn.Write(make([]byte, size)); err != nil {
				t.Fatalf("sending: %v", err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusInsufficientStorage || string(body) != "no space\n" {
				t.Errorf("got %s, %q, %v", response.Status, body, err)
			}
		})
	}
}

func TestAClientThatAsksFirstIsNotMadeToSendInVain(t *testing.T) {
	s := newStack(t, false)
	s.serve(serviceWebDAV, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no space", http.StatusInsufficientStorage)
	})
	conn := s.dial()
	_, _ = io.WriteString(conn, "PUT /dav/a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(status, "507") {
		t.Errorf("got %q, %v", status, err)
	}
}

func TestAClientThatStallsIsLetGo(t *testing.T) {
	const stall = 100 * time.Millisecond
	for name, request := range map[string]string{
		"in a small content":      "Content-Length: 100\r\n\r\nabc",
		"in a large content":      "Content-Length: 1000000\r\n\r\nabc",
		"in chunks":               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"although it was refused": "X-Refuse: yes\r\nContent-Length: 1000\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, false, func(h *handler) { h.stall = stall })
			s.serve(serviceWebDAV, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
			login := "Authorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0\r\n"
			if strings.HasPrefix(request, "X-Refuse") {
				login = ""
			}
			conn := s.dial()
			_, _ = io.WriteString(conn, "PUT /dav/a HTTP/1.1\r\nHost: x\r\n"+login+request)
			rest, err := io.ReadAll(conn) // until the proxy closes
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(rest, []byte(" 408 ")) && !bytes.Contains(rest, []byte(" 401 ")) {
				t.Errorf("got %.60q", rest)
			}
		})
	}
}

// slowly is content of 96 bytes that takes three times as long as a stall.
func slowly(stall time.Duration) io.Reader {
	content, more := io.Pipe()
	go func() {
		defer more.Close()
		ticker := time.NewTicker(stall / 8) // the client's pace, not a wait for anything
		defer ticker.Stop()
		for range 24 {
			<-ticker.C
			_, _ = more.Write([]byte("drop"))
		}
	}()
	return content
}

func TestAClientThatIsSlowButMovesIsServed(t *testing.T) {
	const stall = 200 * time.Millisecond
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			s := newStack(t, http2, func(h *handler) { h.stall = stall })
			s.serve(serviceWebDAV, func(w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				fmt.Fprint(w, n, err)
			})
			if _, body := s.want(http.StatusOK, s.request("PUT", "/dav/a", slowly(stall))); body != "96 <nil>" {
				t.Errorf("arrived: %s", body)
			}
			// The connection's deadlines are over by now: the next request must not see them.
			s.want(http.StatusOK, s.request("PUT", "/dav/a", strings.NewReader("x")))
		})
	}
}

func TestASlowClientGetsItsAnswerAlsoWithoutABody(t *testing.T) {
	const stall = 200 * time.Millisecond
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"done":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }, http.StatusCreated},
		"by the proxy": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, http.StatusBadGateway},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", HTTP/2 ", http2), func(t *testing.T) {
				s := newStack(t, http2, func(h *handler) { h.stall = stall })
				s.serve(serviceWebDAV, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					test.answer(w, r)
				})
				s.want(test.status, s.request("PUT", "/dav/a", slowly(stall)))
			})
		}
	}
}

func TestAnInstanceMayTakeItsTimeWhileTheClientWaits(t *testing.T) {
	const stall = 50 * time.Millisecond
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			s := newStack(t, http2, func(h *handler) { h.stall = stall })
			s.serve(serviceWebDAV, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.CopyN(io.Discard, r.Body, 10)
				pause(r.Context(), 4*stall)
				n, _ := io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				pause(r.Context(), 4*stall)
				fmt.Fprint(w, n)
			})
			if _, body := s.want(http.StatusOK, s.request("PUT", "/dav/a", bytes.NewReader(make([]byte, 1<<20)))); body != fmt.Sprint(1<<20-10) {
				t.Errorf("got %q", body)
			}
		})
	}
}

// pause is work that takes that long.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func TestAClientThatGoesAwayEndsTheWorkForIt(t *testing.T) {
	s := newStack(t, true)
	ended := make(chan error, 1)
	began := make(chan struct{})
	s.serve(serviceWebDAV, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		ended <- r.Context().Err()
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-began
		leave()
	}()
	if _, _, err := s.do(s.request("GET", "/dav/a", nil).WithContext(ctx)); err == nil {
		t.Error("it was answered")
	}
	<-ended
}

func TestTooManyConnectionsAreRefusedAtOnce(t *testing.T) {
	limit := &connections{most: 2, log: newStack(t, false).handler.log}
	var closed atomic.Int64
	connect := func() net.Conn {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		conn := &closing{Conn: ours, closed: &closed}
		limit.changed(conn, http.StateNew)
		return conn
	}
	one := connect()
	connect()
	if closed.Load() != 0 {
		t.Fatal("one of the allowed ones was closed")
	}
	limit.changed(connect(), http.StateClosed)
	if closed.Load() != 1 {
		t.Fatal("one too many stays")
	}
	limit.changed(one, http.StateClosed)
	connect()
	if closed.Load() != 1 {
		t.Error("the place of one that left is not free")
	}
}
