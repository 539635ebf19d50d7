package chaos

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestOnlyWhatComesBackIsHit(t *testing.T) {
	all := Signals()
	for name, c := range map[string]struct {
		change  func(*stage)
		wanted  []string
		signals []string
		chosen  []string
		refused string
	}{
		"all that run":            {func(s *stage) { s.instances[0].Status = client.StatusStopped }, nil, all, []string{"web", "webdav"}, ""},
		"those that are wanted":   {func(*stage) {}, []string{"webdav"}, all, []string{"webdav"}, ""},
		"an unknown one":          {func(*stage) {}, []string{"wbedav"}, all, nil, `did you mean "webdav"?`},
		"a stopped one":           {func(s *stage) { s.instances[0].Status = client.StatusStopped }, []string{"users"}, all, nil, "users-1 is stopped"},
		"one that drains is not":  {func(s *stage) { s.instances[3].Status, s.instances[3].ReplacedBy = client.StatusStopping, "x" }, []string{"webdav"}, all, []string{"webdav"}, ""},
		"one of two that is slow": {func(s *stage) { s.instances[3].Status = client.StatusStarting }, nil, all, nil, "webdav-2 is starting"},
		"one without restarts":    {restartOf("web", "never"), nil, []string{"SIGKILL"}, nil, `"never"`},
		"one that may end well":   {restartOf("web", "on-failure"), nil, all, nil, `"on-failure"`},
		"one that fails":          {restartOf("web", "on-failure"), []string{"web"}, []string{"SIGKILL"}, []string{"web"}, ""},
	} {
		s := perform(t, replace, "users-1", "web-1", "webdav-1", "webdav-2")
		c.change(s)
		chosen, err := Choose(t.Context(), s.Client, s.instances, c.wanted, c.signals)
		if !slices.Equal(chosen, c.chosen) || (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %q %v", name, chosen, err)
		}
	}
}

func restartOf(service string, policy plugins.RestartPolicy) func(*stage) {
	return func(s *stage) { s.services[service] = client.Service{Name: service, Restart: string(policy)} }
}

// withFront lets the stage's proxy hold the address of a server.
func withFront(t *testing.T, handler http.HandlerFunc) (*stage, Front, *httptest.Server) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	s := perform(t, replace, "proxy-1", "web-1")
	s.services["proxy"] = client.Service{Name: "proxy", Sockets: []client.Socket{{Network: "tcp", Address: server.Listener.Addr().String(), Held: true}}}
	return s, Front{Service: "proxy", TLS: true, Certificate: pemFile(t, server.Certificate().Raw)}, server
}

func TestTheFrontIsAskedWhereTheRuntimeListens(t *testing.T) {
	s, front, server := withFront(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.Method == "PROPFIND" && r.URL.Path == userFolder && user == "alice" && password == "rosebud":
			w.WriteHeader(http.StatusMultiStatus)
		case r.Method != "GET" || r.URL.Path != statusPage || user != "":
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	questions, err := Ask(t.Context(), s.Client, s.instances, front, Wish{User: "alice", Password: "rosebud"})
	if err != nil || len(questions) != 2 || questions[0].URL != server.URL+statusPage || questions[1].URL != server.URL+userFolder || questions[0].Service != "proxy" {
		t.Errorf("%v %+v", err, questions)
	}
	if _, err := Ask(t.Context(), s.Client, s.instances, front, Wish{User: "alice", Password: "wrong"}); err == nil || !strings.Contains(err.Error(), "are user and password right?") {
		t.Errorf("a wrong password: %v", err)
	}
	s.services["proxy"] = client.Service{Name: "proxy"}
	if _, err := Ask(t.Context(), s.Client, s.instances, front, Wish{}); err == nil || !strings.Contains(err.Error(), "--probe") {
		t.Errorf("a front that does not listen: %v", err)
	}
}

func TestCredentialsGoToTheFrontOnly(t *testing.T) {
	s, front, server := withFront(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PROPFIND" {
			w.WriteHeader(http.StatusMultiStatus)
		}
	})
	leaked := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked <- r.Method
		}
	}))
	defer other.Close()
	questions, err := Ask(t.Context(), s.Client, s.instances, front, Wish{URL: other.URL, User: "alice", Password: "rosebud"})
	if err != nil || len(questions) != 2 || questions[1].URL != other.URL || questions[1].User != "" || questions[1].Certificate != "" || questions[1].Service != "" {
		t.Errorf("%v %+v", err, questions)
	}
	if len(leaked) > 0 {
		t.Errorf("the other server got the credentials with a %s", <-leaked)
	}
	own, err := Ask(t.Context(), s.Client, s.instances, front, Wish{URL: server.URL + "/page"})
	if err != nil || own[0].Service != "proxy" || own[0].Certificate != front.Certificate {
		t.Errorf("the front under a URL: %v %+v", err, own)
	}
}

func TestAURLOfAnotherMachineIsRefused(t *testing.T) {
	s := perform(t, replace, "web-1")
	_, err := Ask(t.Context(), s.Client, s.instances, Front{}, Wish{URL: "http://192.0.2.1/"}) // RFC 5737: nobody's
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1 is not an address of this machine") {
		t.Errorf("got %v", err)
	}
	q := Question{Method: "GET", URL: "http://192.0.2.1/"} // and what a name means by then is looked at again
	if _, err := q.send(t.Context(), q.client()); !errors.Is(err, errElsewhere) {
		t.Errorf("a request to it: %v", err)
	}
}

func TestAURLIsHTTPAndHasNoPassword(t *testing.T) {
	for url, good := range map[string]bool{
		"": true, "https://localhost:9200/status.php": true, "http://[::1]:80/": true,
		"localhost:9200": false, "ftp://localhost/": false, "https:///x": false, "http://[::1": false, "https://alice:rosebud@localhost/": false,
	} {
		err := Wish{URL: url}.Check()
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "rosebud") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestAnAddressOfAllIsAskedOnLoopback(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:9200": "https://localhost:9200", "[::]:9200": "https://localhost:9200", ":9200": "https://localhost:9200",
		"127.0.0.1:9200": "https://127.0.0.1:9200", "[::1]:9200": "https://[::1]:9200", "cloud.example.org:443": "https://cloud.example.org:443",
	} {
		if got, err := (Front{Service: "proxy", TLS: true}).url(map[string]string{address: "proxy"}); err != nil || got != want {
			t.Errorf("%s is asked at %s, want %s (%v)", address, got, want, err)
		}
	}
	if _, err := (Front{Service: "proxy"}).url(map[string]string{"nonsense": "proxy"}); err == nil {
		t.Error("nonsense is asked")
	}
}
