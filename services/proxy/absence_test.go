package proxy

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/upstream"
)

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
