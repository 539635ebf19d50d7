package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
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
			s.raw(serviceWebDAV, die, die, answerOnce)
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

func TestARequestThatKillsWhoeverWorksOnItIsGivenUp(t *testing.T) {
	s := newStack(t, true)
	s.raw(serviceWebDAV, die, die, die, die, die, func(conn net.Conn) {
		r, _ := readRequest(conn)
		t.Errorf("%s came a sixth time", r.Method)
	})
	response, _ := s.want(http.StatusBadGateway, s.request("PROPFIND", "/dav/", strings.NewReader("<prop/>")))
	if response.Header.Get("Retry-After") != "1" {
		t.Errorf("header %v", response.Header)
	}
}

// hangUp is an instance that is killed before it has read a request.
func hangUp(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }

func TestARequestThatNobodyHasReadWaitsItsWholePatience(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells that it was not read")
	}
	s := newStack(t, true)
	s.raw(serviceWebDAV, die, hangUp, hangUp, hangUp, hangUp, die, answerOnce)
	s.want(http.StatusOK, s.request("GET", "/dav/", nil))
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

// sendPartOfListing returns an instance that is killed while it sends a listing.
func sendPartOfListing(header string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		fmt.Fprintf(conn, "HTTP/1.1 207 Multi-Status\r\n%s\r\n\r\n%s", header, "1000\r\n"+strings.Repeat("x", 2000))
	}
}

func TestALongListingIsAskedForAgainWhenItsInstanceDiesInItsMiddle(t *testing.T) {
	s := newStack(t, true)
	s.raw(serviceWebDAV, sendPartOfListing("Content-Length: 100000"), sendPartOfListing("Transfer-Encoding: chunked"), answerOnce)
	if _, body := s.want(http.StatusOK, s.request("PROPFIND", "/dav/", strings.NewReader("<prop/>"))); body != "PROPFIND <prop/>" {
		t.Errorf("got %.40q", body)
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
