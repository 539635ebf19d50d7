package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/upstream"
)

// readRequest takes a request and its content from a connection.
func readRequest(conn net.Conn) (*http.Request, string) {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil, err.Error()
	}
	if r.Header.Get("Expect") != "" {
		_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	body, _ := io.ReadAll(r.Body)
	return r, string(body)
}

// die is an instance that is killed after it has read a request.
func die(conn net.Conn) { readRequest(conn) }

// answerOnce is an instance that answers one request.
func answerOnce(conn net.Conn) {
	r, body := readRequest(conn)
	if r == nil {
		return
	}
	answer := r.Method + " " + body
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
}

func TestReadingSurvivesInstancesThatDie(t *testing.T) {
	for _, method := range []string{"GET", "OPTIONS", "PROPFIND", "REPORT"} {
		t.Run(method, func(t *testing.T) {
			s := newStack(t, true)
			s.raw(serviceWebDAV, die, die, die, answerOnce)
			content := ""
			if method == "PROPFIND" || method == "REPORT" {
				content = strings.Repeat("<prop/>", 1000)
			}
			if _, body := s.want(http.StatusOK, s.request(method, "/dav/", strings.NewReader(content))); body != method+" "+content {
				t.Errorf("got %.40q", body)
			}
		})
	}
}

// sendPart is an instance that is killed while it sends "0123456789".
func sendPart(conn net.Conn) {
	readRequest(conn)
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 10\r\n\r\n0123")
}

// sendRest returns an instance that sends what is asked for of a content with an etag.
func sendRest(t *testing.T, etag string) func(net.Conn) {
	return func(conn net.Conn) {
		r, _ := readRequest(conn)
		if r == nil || r.Header.Get("Range") != "bytes=4-9" || r.Header.Get("If-Match") != `"x"` {
			t.Errorf("asked for the rest by %+v", r)
		}
		fmt.Fprintf(conn, "HTTP/1.1 206 Partial Content\r\nETag: %s\r\nContent-Length: 6\r\nContent-Range: bytes 4-9/10\r\n\r\n456789", etag)
	}
}

func TestADownloadGoesOnWithTheReplacementOfTheInstanceThatBeganIt(t *testing.T) {
	s := newStack(t, true)
	s.raw(serviceWebDAV, sendPart, die, sendRest(t, `"x"`))
	if _, body := s.want(http.StatusOK, s.request("GET", "/dav/a", nil)); body != "0123456789" {
		t.Errorf("got %q", body)
	}
}

func TestADownloadOfContentThatChangedMeanwhileIsCutOff(t *testing.T) {
	s := newStack(t, true)
	s.raw(serviceWebDAV, sendPart, sendRest(t, `"y"`))
	if _, body, err := s.do(s.request("GET", "/dav/a", nil)); err == nil {
		t.Errorf("half of one and half of another is taken for whole: %q", body)
	}
}

func TestAChangeThatMayHaveHappenedIsNotRepeated(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE", "MOVE", "MKCOL", "POST", "PATCH", "LOCK", "PROPPATCH"} {
		t.Run(method, func(t *testing.T) {
			s := newStack(t, true)
			s.raw(serviceWebDAV, die, func(conn net.Conn) {
				r, _ := readRequest(conn)
				t.Errorf("%s came again", r.Method)
			})
			response, _ := s.want(http.StatusBadGateway, s.request(method, "/dav/a", strings.NewReader("x")))
			if response.Header.Get("Retry-After") != "1" {
				t.Errorf("header %v", response.Header)
			}
		})
	}
}

func TestAChangeThatWasNotSentIsRepeated(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE", "MOVE"} {
		t.Run(method, func(t *testing.T) {
			s := newStack(t, true)
			s.announce(serviceWebDAV, "unix:"+s.dir+"/webdav.sock") // nobody listens yet
			arrived := make(chan *http.Response, 1)
			go func() {
				defer close(arrived)
				response, _, err := s.do(s.request(method, "/dav/a", strings.NewReader("content")))
				if err != nil {
					t.Error(err)
					return
				}
				arrived <- response
			}()
			s.serve(serviceWebDAV, hello)
			if response := <-arrived; response == nil || response.StatusCode != http.StatusOK {
				t.Errorf("got %v", response)
			}
		})
	}
}

func TestAConnectionThatWasClosedMeanwhileIsNoError(t *testing.T) {
	s := newStack(t, false)
	// Each connection is good for one request, although nobody says so.
	instances := make([]func(net.Conn), 60)
	for i := range instances {
		instances[i] = answerOnce
	}
	s.raw(serviceWebDAV, instances...)
	for range len(instances) - 10 {
		s.want(http.StatusOK, s.request("DELETE", "/dav/a", nil))
	}
}

func TestALargeUploadIsRepeatedUntilItsContentIsTaken(t *testing.T) {
	s := newStack(t, true)
	var deaths atomic.Int64
	dieEarly := func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			deaths.Add(1)
		}
	}
	s.raw(serviceWebDAV, dieEarly, dieEarly, answerOnce)
	content := strings.Repeat("0123456789", 100_000)
	if _, body := s.want(http.StatusOK, s.request("PUT", "/dav/a", strings.NewReader(content))); body != "PUT "+content {
		t.Errorf("%d bytes arrived", len(body)-4)
	}
	if n := deaths.Load(); n != 2 {
		t.Errorf("%d instances died", n)
	}
}

func TestAnUploadWhoseInstanceDiesIsRefusedAtOnce(t *testing.T) {
	s := newStack(t, false)
	s.raw(serviceWebDAV, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		_, _ = io.CopyN(io.Discard, conn, 1000)
	})
	// The client sends some of it and then waits, for ever.
	content, more := io.Pipe()
	defer more.Close()
	go func() { _, _ = more.Write(make([]byte, 100<<10)) }()
	r := s.request("PUT", "/dav/a", content)
	r.ContentLength = 1 << 20
	s.want(http.StatusBadGateway, r)
}

func TestARequestWaitsForAServiceThatIsBeingReplaced(t *testing.T) {
	s := newStack(t, true)
	answer := make(chan error, 1)
	go func() {
		response, body, err := s.do(s.request("PUT", "/dav/a", strings.NewReader("x")))
		if err == nil && (response.StatusCode != http.StatusOK || body != "PUT /dav/a") {
			err = errors.New(response.Status + body)
		}
		answer <- err
	}()
	s.serve(serviceWebDAV, hello)
	if err := <-answer; err != nil {
		t.Error(err)
	}
}

func TestAServiceThatDoesNotComeBackIsSaidInBoundedTime(t *testing.T) {
	for name, prepare := range map[string]func(*stack){
		"never announced": func(*stack) {},
		"nobody listens":  func(s *stack) { s.announce(serviceWebDAV, "unix:"+s.dir+"/nobody.sock") },
	} {
		for _, method := range []string{"GET", "PUT"} {
			t.Run(method+" "+name, func(t *testing.T) {
				s := newStack(t, true)
				s.handler.forwarder = upstream.NewForwarder(s.directory, 100*time.Millisecond)
				prepare(s)
				response, _ := s.want(http.StatusServiceUnavailable, s.request(method, "/dav/a", strings.NewReader("x")))
				if response.Header.Get("Retry-After") != "1" {
					t.Errorf("header %v", response.Header)
				}
			})
		}
	}
}

func TestNobodyWaitsForAServiceThatWasStopped(t *testing.T) {
	stopped := registry.Document{Writer: "test", Epoch: "later", Stopped: []string{serviceWebDAV}}
	for name, prepare := range map[string]func(*stack){
		"before": func(s *stack) { s.directory.Apply(stopped) },
		"while it is waited for": func(s *stack) {
			time.AfterFunc(20*time.Millisecond, func() { s.directory.Apply(stopped) })
		},
		"while its address is tried": func(s *stack) {
			s.announce(serviceWebDAV, "unix:"+s.dir+"/nobody.sock")
			time.AfterFunc(20*time.Millisecond, func() { s.directory.Apply(stopped) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, true)
			s.handler.forwarder = upstream.NewForwarder(s.directory, time.Hour)
			prepare(s)
			if _, body := s.want(http.StatusServiceUnavailable, s.request("PUT", "/dav/a", strings.NewReader("x"))); !strings.Contains(body, "does not run: it was stopped") {
				t.Errorf("got %q", body)
			}
		})
	}
}

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

type closing struct {
	net.Conn
	closed *atomic.Int64
}

func (c *closing) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}
