package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/plugins/registry"
)

func TestAStoppedServiceIsSaidAtOnceAlsoWithoutNATS(t *testing.T) {
	server := ocistest.Start(t)
	browser := ocistest.Client(t)
	if status, body := server.Do("PUT", home+"/kept", "x"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	for _, name := range []string{"storage", "nats", "webdav"} { // webdav when nobody can hear of it
		if _, stderr, code := server.Ocis("kill", name); code != 0 {
			t.Fatalf("%s: %d %s", name, code, stderr)
		}
		asked := time.Now()
		status, body := server.Do("GET", home+"/kept", "")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "does not run: it was stopped") || time.Since(asked) > registry.Patience {
			t.Errorf("without %s: %d after %s: %s", name, status, time.Since(asked), body)
		}
		awaitPage(t, server, browser, name, ">not ready<")
	}
	for _, name := range []string{"webdav", "storage"} {
		if _, stderr, code := server.Ocis("run", name); code != 0 {
			t.Fatalf("%s: %d %s", name, code, stderr)
		}
		awaitPage(t, server, browser, name, ">ready<")
	}
	if status, body := server.Do("GET", home+"/kept", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

// awaitPage waits until the page shows a service in a state.
func awaitPage(t *testing.T, server *ocistest.Server, browser *http.Client, service, state string) {
	t.Helper()
	var body string
	for expired := time.Now().Add(ocistest.Patience); time.Now().Before(expired); {
		var err error
		if _, body, err = server.Try(browser, http.MethodGet, "/", ""); err != nil {
			t.Fatal(err)
		}
		if _, row, _ := strings.Cut(body, ">"+service+"<"); strings.Contains(strings.SplitN(row, "</li>", 2)[0], state) {
			return
		}
	}
	t.Fatalf("the page never shows %s as %s:\n%s", service, state, body)
}
