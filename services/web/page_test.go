package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	microregistry "go-micro.dev/v4/registry"

	"github.com/owncloud/ocis-runtime/plugins/registry"
)

// family is what the runtime keeps in these tests.
var family = []string{"proxy", "webdav", "storage"}

// show requests a path while these services are ready, beside a runtime that keeps a family.
func show(t *testing.T, path string, ready ...string) *httptest.ResponseRecorder {
	t.Helper()
	runtime := &microregistry.Node{Id: "runtime", Metadata: map[string]string{"protocol": "http"}}
	for _, name := range family {
		runtime.Metadata[registry.Keeps+name] = "what " + name + " does"
	}
	listed := []*microregistry.Service{{Name: "runtime", Nodes: []*microregistry.Node{runtime}}}
	for _, name := range ready {
		listed = append(listed, &microregistry.Service{Name: name, Nodes: []*microregistry.Node{{Id: name}}})
	}
	s := &site{services: func() []*microregistry.Service { return listed }, log: logrus.NewEntry(logrus.New())}
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Host = "cloud.example.org"
	request.Header.Set("X-Forwarded-Proto", "https")
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder
}

func TestThePageTellsWhichServicesAreReadyAndHowToConnect(t *testing.T) {
	body := show(t, "/", "proxy", "webdav").Body.String()
	for _, part := range []string{"https://cloud.example.org/remote.php/webdav/", "not all ready", "what storage does", "davs://cloud.example.org"} {
		if !strings.Contains(body, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	if ready, away := strings.Count(body, `class="ready"`), strings.Count(body, `class="away"`); ready != 3 || away != 1 { // with the runtime
		t.Errorf("%d services are shown as ready, %d as not", ready, away)
	}
	if body := show(t, "/", family...).Body.String(); !strings.Contains(body, "all ready") || strings.Contains(body, `class="away"`) {
		t.Error("the page does not say that all are ready")
	}
}

func TestServicesFromElsewhereAreShownToo(t *testing.T) {
	body := show(t, "/", "proxy", "search").Body.String()
	if !strings.Contains(body, "<strong>search</strong>") {
		t.Error("the page does not show it")
	}
}

func TestThePageLooksAgainOnlyWhileSomethingIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		path  string
		ready []string
		again bool
	}{
		"all are ready":   {"/", family, false},
		"one is missing":  {"/", family[1:], true},
		"another address": {"/nothing", nil, false},
	} {
		if got := strings.Contains(show(t, test.path, test.ready...).Body.String(), `http-equiv="refresh"`); got != test.again {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOtherAddressesAreNotFound(t *testing.T) {
	answer := show(t, "/favicon.ico")
	if answer.Code != http.StatusNotFound || !strings.Contains(answer.Body.String(), "nothing at this address") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestThePageRunsNothingAndLoadsNothing(t *testing.T) {
	answer := show(t, "/")
	if policy := answer.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("the policy is %q", policy)
	}
	if strings.Contains(answer.Body.String(), "<script") {
		t.Error("there is a script")
	}
}

func TestTheHostIsEscaped(t *testing.T) {
	s := &site{services: func() []*microregistry.Service { return nil }, log: logrus.NewEntry(logrus.New())}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Host = `"><script>alert(1)</script>`
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	if strings.Contains(recorder.Body.String(), "<script") {
		t.Error("the host name became a script")
	}
}
