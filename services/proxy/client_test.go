package proxy

import (
	"net/http"
	"testing"
)

func TestWhoAsksIsWhoAProxyOnThisMachineSays(t *testing.T) {
	for name, test := range map[string]struct {
		remote string
		said   []string
		behind bool
		want   string
	}{
		"said by the proxy in front":    {"127.0.0.1:1", []string{"203.0.113.9"}, true, "203.0.113.9"},
		"over IPv6":                     {"[::1]:1", []string{"2001:db8::1"}, true, "2001:db8::1"},
		"the client adds to it":         {"127.0.0.1:1", []string{"198.51.100.1", "198.51.100.2 , 203.0.113.9"}, true, "203.0.113.9"},
		"said by somebody elsewhere":    {"192.0.2.1:1", []string{"203.0.113.9"}, true, "192.0.2.1"},
		"nobody is in front":            {"127.0.0.1:1", []string{"203.0.113.9"}, false, "127.0.0.1"},
		"nothing is said":               {"127.0.0.1:1", nil, true, "127.0.0.1"},
		"what is said makes no address": {"127.0.0.1:1", []string{"203.0.113.9, unknown"}, true, "127.0.0.1"},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.said}}
		if got := clientAddress(r, test.behind); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestTheServiceLearnsWhoAsksFromAProxyOnThisMachine(t *testing.T) {
	for behind, want := range map[bool]string{true: "203.0.113.9", false: "127.0.0.1"} {
		s := newStack(t, false, func(h *handler) { h.behind = behind })
		addresses := make(chan string, 1)
		s.serve(serviceWebDAV, func(_ http.ResponseWriter, r *http.Request) { addresses <- r.Header.Get("X-Forwarded-For") })
		r := s.request("GET", "/dav/", nil)
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		s.want(http.StatusOK, r)
		if got := <-addresses; got != want {
			t.Errorf("behind %v: %s", behind, got)
		}
	}
}
