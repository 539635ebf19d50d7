package main

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestTwoUsersNeverSeeEachOthersFiles(t *testing.T) {
	server := ocistest.Start(t)
	const secret = "what only alice knows"
	as := map[string]string{"admin": ocistest.Password}
	for _, name := range []string{"alice", "bob"} {
		as[name] = "the password of " + name
		if _, stderr, code := server.OcisWith(as[name]+"\n", "users", "create", name, "--password-stdin"); code != 0 {
			t.Fatalf("%d %s", code, stderr)
		}
	}
	ask := func(user, method, path, body string, header ...string) (int, string) {
		t.Helper()
		credential := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+as[user]))
		return server.Do(method, path, body, append(header, "Authorization", credential)...)
	}
	const alices, bobs = "/remote.php/dav/files/alice", "/remote.php/dav/files/bob"
	for _, step := range [][3]string{{"MKCOL", alices + "/folder", ""}, {"PUT", alices + "/folder/secret", secret}, {"PUT", alices + "/deleted", secret}} {
		if status, body := ask("alice", step[0], step[1], step[2]); status != http.StatusCreated {
			t.Fatalf("%s %s: %d %s", step[0], step[1], status, body)
		}
	}
	if status, body := ask("alice", "DELETE", alices+"/deleted", ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	for _, stranger := range []string{"bob", "admin"} { // who manages accounts is a stranger too
		own := "/remote.php/dav/files/" + stranger
		if status, body := ask(stranger, "PUT", own+"/mine", "mine"); status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
		for _, request := range []struct{ method, path, destination string }{
			{"GET", home + "/folder/secret", ""},
			{"GET", alices + "/folder/secret", ""},
			{"HEAD", alices + "/folder/secret", ""},
			{"GET", own + "/../alice/folder/secret", ""},
			{"GET", own + "/%2e%2e/alice/folder/secret", ""},
			{"GET", own + "/..%2falice/folder/secret", ""},
			{"PROPFIND", alices + "/", ""},
			{"PROPFIND", alices + "/folder", ""},
			{"PROPFIND", "/remote.php/dav/trash-bin/alice/", ""},
			{"PUT", alices + "/folder/secret", ""},
			{"PUT", alices + "/planted", ""},
			{"MKCOL", alices + "/planted", ""},
			{"DELETE", alices + "/folder", ""},
			{"LOCK", alices + "/folder/secret", ""},
			{"COPY", alices + "/folder/secret", own + "/stolen"},
			{"MOVE", alices + "/folder/secret", own + "/stolen"},
			{"COPY", own + "/mine", alices + "/folder/secret"},
			{"MOVE", own + "/mine", alices + "/planted"},
		} {
			status, body := ask(stranger, request.method, request.path, "", "Destination", server.URL(request.destination), "Depth", "1")
			if status < 400 || status >= 500 || strings.Contains(body, secret) {
				t.Errorf("%s: %s %s to %q: %d %s", stranger, request.method, request.path, request.destination, status, body)
			}
		}
		if status, listing := ask(stranger, "PROPFIND", "/remote.php/dav/files/", "", "Depth", "1"); strings.Contains(listing, "alice") {
			t.Errorf("%s sees that there is alice: %d %s", stranger, status, listing)
		}
		if status, _ := ask(stranger, "GET", own+"/stolen", ""); status != http.StatusNotFound {
			t.Errorf("%s has stolen: %d", stranger, status)
		}
	}
	if status, body := ask("alice", "GET", alices+"/folder/secret", ""); status != http.StatusOK || body != secret {
		t.Errorf("alice's own: %d %s", status, body)
	}
	status, listing := ask("alice", "PROPFIND", alices+"/", "", "Depth", "1")
	if got := strings.Count(listing, "<d:response>"); status != http.StatusMultiStatus || got != 2 {
		t.Errorf("alice's folder and its one child are %d resources: %s", got, listing)
	}
	if status, _ := ask("bob", "GET", bobs+"/mine", ""); status != http.StatusOK {
		t.Errorf("bob's own: %d", status)
	}
}
