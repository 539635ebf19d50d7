package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

func TestPathsLeadToServices(t *testing.T) {
	for path, want := range map[string]string{
		"/":                               serviceWeb,
		"/nothing":                        serviceWeb,
		"/web/state":                      serviceWeb,
		"/status.php":                     serviceFrontend,
		"/ocs/v1.php/cloud/capabilities":  serviceFrontend,
		"/ocs":                            serviceFrontend,
		"/ocsx":                           serviceWeb,
		"/remote.php":                     serviceWebDAV,
		"/remote.php/webdav/":             serviceWebDAV,
		"/remote.php/dav/files/alice/a":   serviceWebDAV,
		"/remote.phpx":                    serviceWeb,
		"/webdav/a":                       serviceWebDAV,
		"/dav":                            serviceWebDAV,
		"/dav/files/alice":                serviceWebDAV,
		"/thumbnails/a.png":               serviceWebDAV,
		"/thumbnails":                     serviceWebDAV,
		"/thumbnails.png":                 serviceWeb,
		"/web/../remote.php/webdav/":      serviceWeb,
		"/remote.php/../status.php":       serviceWebDAV,
		"/status.php/../remote.php/a.txt": serviceFrontend,
	} {
		if got := route(path); got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
	}
}

func TestOnlyWhatClientsAskBeforeALoginIsPublic(t *testing.T) {
	for _, path := range []string{"/", "/status.php", "/favicon.ico", "/ocs/v1.php/cloud/capabilities", "/ocs/v2.php/cloud/capabilities"} {
		for method, want := range map[string]bool{"GET": true, "HEAD": true, "POST": false, "PUT": false, "PROPFIND": false, "OPTIONS": false, "": false} {
			if got := isPublic(method, path); got != want {
				t.Errorf("%s %s is public: %v", method, path, got)
			}
		}
	}
	for _, path := range []string{
		"", "/x", "//", "/web", "/web/", "/remote.php/webdav/", "/ocs/v1.php/cloud/user", "/ocs/v1.php/cloud/capabilities/../user",
		"/ocs/v1.php/cloud/capabilities/", "/ocs/v3.php/cloud/capabilities", "/status.php/x", "/STATUS.PHP", "/./",
	} {
		if isPublic("GET", path) {
			t.Errorf("GET %q is public", path)
		}
	}
}

func TestNobodyGetsInWithoutALogin(t *testing.T) {
	s := newStack(t, true)
	reached := make(chan string, 100)
	for _, service := range []string{serviceWebDAV, serviceFrontend, serviceWeb} {
		s.serve(service, func(_ http.ResponseWriter, r *http.Request) { reached <- r.Method + " " + r.URL.Path })
	}
	for name, login := range map[string]func(*http.Request){
		"none":           func(r *http.Request) { r.Header.Del("Authorization") },
		"wrong password": func(r *http.Request) { r.SetBasicAuth("alice", "wrong") },
		"unknown user":   func(r *http.Request) { r.SetBasicAuth("bob", "alice-secret") },
		"empty password": func(r *http.Request) { r.SetBasicAuth("alice", "") },
		"bearer":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer alice-secret") },
		"no base64":      func(r *http.Request) { r.Header.Set("Authorization", "Basic ***") },
	} {
		for _, target := range []string{
			"PROPFIND /remote.php/dav/files/", "GET /remote.php/webdav/a", "GET /ocs/v1.php/cloud/user", "OPTIONS /", "POST /", "PUT /status.php", "GET /nothing",
			"GET /web/../remote.php/webdav/a/..%2f", "GET /x/%2e%2e/remote.php/webdav/", "GET //", "GET /status.php%2f..%2fremote.php/webdav/",
		} {
			t.Run(name+" for "+target, func(t *testing.T) {
				method, path, _ := strings.Cut(target, " ")
				r := s.request(method, path, nil)
				login(r)
				response, _ := s.want(http.StatusUnauthorized, r)
				if got := response.Header.Get("WWW-Authenticate"); got != challenge {
					t.Errorf("challenge %q", got)
				}
			})
		}
	}
	if len(reached) > 0 {
		t.Errorf("a service was reached: %s", <-reached)
	}
}

func TestTheServiceLearnsWhoAsksFromTheTokenOnly(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			s := newStack(t, http2)
			headers := make(chan http.Header, 1)
			s.serve(serviceWebDAV, func(w http.ResponseWriter, r *http.Request) {
				headers <- r.Header.Clone()
				w.Header().Set(token.Header, "must not get out")
				hello(w, r)
			})
			r := s.request("GET", "/remote.php/webdav/a%20b?x=1&y=%2F", nil)
			r.Header.Set("x-access-token", "forged")
			r.Header["X-ACCESS-token"] = []string{"forged"}
			r.Header.Set("X-Forwarded-For", "203.0.113.9")
			r.Header.Set("Forwarded", "for=203.0.113.9")
			r.Header.Set("If-Match", `"e"`)
			r.Header.Set("X-Request-Id", "my-request.1")
			if !http2 {
				r.Header.Set("Connection", "X-Access-Token, X-Request-Id, If-Range")
				r.Header.Set("If-Range", "hop")
				r.Header.Set("Te", "trailers")
			}
			response, body := s.want(http.StatusOK, r)
			got := <-headers
			if user := response.Header.Get("X-User"); user != "alice" {
				t.Errorf("the service sees %q", user)
			}
			if body != "GET /remote.php/webdav/a%20b?x=1&y=%2F" {
				t.Errorf("it was asked for %s", body)
			}
			for name, want := range map[string]string{
				"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": r.URL.Host,
				"X-Request-Id": "my-request.1", "If-Match": `"e"`,
				"Authorization": "", "Forwarded": "", "Connection": "", "If-Range": "", "Te": "",
			} {
				if strings.Join(got[name], "|") != want {
					t.Errorf("%s is %q, want %q", name, got[name], want)
				}
			}
			if values := got[token.Header]; len(values) != 1 || values[0] == "forged" {
				t.Errorf("tokens: %q", values)
			}
			if _, leaked := response.Header[token.Header]; leaked || response.Header.Get("X-Request-Id") != "my-request.1" {
				t.Errorf("the client gets %v", response.Header)
			}
		})
	}
}

func TestPublicRequestsCarryTheTokenOfNobody(t *testing.T) {
	s := newStack(t, true)
	s.serve(serviceFrontend, hello)
	for _, login := range []func(*http.Request){
		func(*http.Request) {},
		func(r *http.Request) { r.SetBasicAuth("alice", "wrong") },
		func(r *http.Request) { r.Header.Del("Authorization") },
	} {
		r := s.request("GET", "/status.php", nil)
		login(r)
		response, _ := s.want(http.StatusOK, r)
		if response.Header.Get("X-User")+response.Header.Get("X-Subject") != "" || response.Header.Get("X-Service") != token.Nobody {
			t.Errorf("it is for %v", response.Header)
		}
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("%d passwords were verified", n)
	}
}

func TestGuessingIsStopped(t *testing.T) {
	s := newStack(t, false)
	s.serve(serviceWebDAV, hello)
	s.want(http.StatusOK, s.request("GET", "/dav/", nil))
	var limited atomic.Int64
	var guesses sync.WaitGroup
	for i := range 200 {
		guesses.Go(func() {
			r := s.request("GET", "/dav/", nil)
			r.SetBasicAuth("alice", fmt.Sprint("guess", i))
			response, _, err := s.do(r)
			switch {
			case err != nil:
				t.Error(err)
			case response.StatusCode == http.StatusTooManyRequests:
				limited.Add(1)
				if response.Header.Get("Retry-After") == "" {
					t.Error("it does not say when to come back")
				}
			case response.StatusCode != http.StatusUnauthorized:
				t.Errorf("a guess got %s", response.Status)
			}
		})
	}
	guesses.Wait()
	if n := s.asked.Load(); n > 50 || limited.Load() < 150 {
		t.Errorf("%d guesses were verified, %d refused", n, limited.Load())
	}
	s.want(http.StatusOK, s.request("GET", "/dav/", nil))
}

func TestOtherSitesPagesCannotChangeAnything(t *testing.T) {
	s := newStack(t, true)
	s.serve(serviceWebDAV, hello)
	for name, test := range map[string]struct {
		method, header, value string
		status                int
	}{
		"a form of another site":  {"POST", "Sec-Fetch-Site", "cross-site", 403},
		"a script of another one": {"DELETE", "Sec-Fetch-Site", "cross-site", 403},
		"a neighbour":             {"PUT", "Sec-Fetch-Site", "same-site", 403},
		"an old browser":          {"DELETE", "Origin", "https://evil.example.org", 403},
		"our page":                {"PUT", "Sec-Fetch-Site", "same-origin", 200},
		"typed by hand":           {"DELETE", "Sec-Fetch-Site", "none", 200},
		"a link":                  {"GET", "Sec-Fetch-Site", "cross-site", 200},
		"no browser":              {"DELETE", "User-Agent", "rclone", 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.request(test.method, "/dav/a", nil)
			r.Header.Set(test.header, test.value)
			s.want(test.status, r)
		})
	}
}

func TestEachRequestIsLoggedOnceWithoutCredentials(t *testing.T) {
	s := newStack(t, true)
	s.serve(serviceWebDAV, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d bytes", n)
	})
	r := s.request("PUT", "/dav/gr%C3%B6%C3%9Fe.txt?secret=in-the-query", strings.NewReader("0123456789"))
	s.want(http.StatusOK, r)
	r = s.request("GET", "/dav/", nil)
	r.SetBasicAuth("mallory", "wrong-secret")
	s.want(http.StatusUnauthorized, r)
	s.server.Close() // handlers are done
	s.handler.access.Flush()
	text := s.access.String()
	for _, secret := range []string{"alice-secret", "wrong-secret", "in-the-query", "Basic ", "eyJ"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log:\n%s", secret, text)
		}
	}
	var entries []map[string]any
	for line := range strings.Lines(text) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	if len(entries) != 2 {
		t.Fatalf("%d lines:\n%s", len(entries), text)
	}
	for key, want := range map[string]any{
		"method": "PUT", "path": "/dav/größe.txt", "status": 200.0, "received": 10.0, "sent": 8.0, "user": "alice", "remote": "127.0.0.1", "upstream": "webdav",
	} {
		if entries[0][key] != want {
			t.Errorf("%s is %v, want %v", key, entries[0][key], want)
		}
	}
	if entries[1]["status"] != 401.0 || entries[1]["user"] != nil || entries[1]["request_id"] == nil {
		t.Errorf("the refused one: %v", entries[1])
	}
}

func TestRequestIDsAreSaneAndDifferent(t *testing.T) {
	ids := newRequestIDs()
	seen := map[string]bool{}
	for _, given := range [][]string{nil, {""}, {"a b"}, {"a\nb"}, {strings.Repeat("a", 65)}, {"a", "b"}, {"ä"}, {"{}"}} {
		id := ids.of(&http.Request{Header: http.Header{headerRequestID: given}})
		if !isRequestID(id) || seen[id] {
			t.Errorf("for %q: %q", given, id)
		}
		seen[id] = true
	}
	if id := ids.of(&http.Request{Header: http.Header{headerRequestID: {"Sane-1._"}}}); id != "Sane-1._" {
		t.Errorf("a sane one became %q", id)
	}
}

func TestAmbiguousRequestsAreRefused(t *testing.T) {
	s := newStack(t, false)
	s.serve(serviceWebDAV, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s came through", r.Method, r.URL) })
	const start = "POST /dav/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0\r\n"
	for name, request := range map[string]string{
		"two lengths":            start + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"signed length":          start + "Content-Length: +1\r\n\r\na",
		"unknown coding":         start + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"two codings":            start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"space before the colon": start + "Content-Length : 1\r\n\r\na",
		"folded line":            start + " X-Access-Token: forged\r\n\r\n",
		"bare CR in a name":      start + "X-A\rX-Access-Token: forged\r\n\r\n",
		"NUL in a value":         start + "X-A: a\x00b\r\n\r\n",
		"two hosts":              start + "Host: y\r\n\r\n",
		"no host":                "GET /dav/ HTTP/1.1\r\n\r\n",
		"a tunnel":               "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
		"a header without end":   start + "X-A: " + strings.Repeat("a", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.dial()
			_, _ = io.WriteString(conn, request)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return // closed without an answer
			}
			response.Body.Close()
			if response.StatusCode < 400 {
				t.Errorf("got %s", response.Status)
			}
		})
	}
}

// A length beside a coding is allowed to be refused or to be ignored (RFC 9112 section
// 6.3). What must not happen is that the content becomes a request of its own.
func TestContentDoesNotBecomeARequest(t *testing.T) {
	s := newStack(t, false)
	arrived := make(chan string, 10)
	s.serve(serviceWebDAV, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- r.Method + " " + r.URL.Path + " " + string(body)
	})
	conn := s.dial()
	_, _ = io.WriteString(conn, "POST /dav/a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0\r\n"+
		"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n24\r\nDELETE /dav/b HTTP/1.1\r\nHost: x\r\n\r\n\r\n0\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		response.Body.Close()
	}
	rest, _ := io.ReadAll(conn) // until the proxy closes: all that came has been answered
	var seen []string
	for len(arrived) > 0 {
		seen = append(seen, <-arrived)
	}
	if len(seen) > 1 || len(seen) == 1 && !strings.HasPrefix(seen[0], "POST /dav/a DELETE") || len(rest) > 0 {
		t.Errorf("the service saw %q, and there is more: %q", seen, rest)
	}
}
