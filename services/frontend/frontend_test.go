package frontend

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

var alice = token.Claims{Subject: "id-1", Username: "alice", DisplayName: `Alice <"A"> & Co`, Email: "alice@example.org", Service: "proxy"}

// get asks as who, and returns the answer.
func get(t *testing.T, who token.Claims, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	newHandler(Settings{}).ServeHTTP(w, r.WithContext(token.NewContext(r.Context(), who)))
	return w
}

// at returns the value below a path of keys.
func at(t *testing.T, body []byte, keys ...string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, key := range keys {
		object, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("no object above %s in %s", key, body)
		}
		value = object[key]
	}
	return value
}

func TestStatusIsWhatClientsLookFor(t *testing.T) {
	w := get(t, token.Claims{Service: "proxy"}, "/status.php")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for key, want := range map[string]any{
		"installed": true, "maintenance": false, "needsDbUpgrade": false, "version": "10.11.0.0", "versionstring": "10.11.0",
		"edition": "Community", "productname": "ocis", "product": "ocis", "productversion": productVersion,
	} {
		if got := at(t, w.Body.Bytes(), key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func TestMaintenanceTellsClientsToPause(t *testing.T) {
	w := httptest.NewRecorder()
	newHandler(Settings{Maintenance: true}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/status.php", nil))
	if got := at(t, w.Body.Bytes(), "maintenance"); got != true {
		t.Errorf("maintenance is %v", got)
	}
}

func TestNothingIsPromisedThatIsNotServed(t *testing.T) {
	for path, code := range map[string]float64{"/ocs/v1.php": 100, "/ocs/v2.php": 200} {
		w := get(t, token.Claims{Service: "proxy"}, path+"/cloud/capabilities?format=json")
		body := w.Body.Bytes()
		if got := at(t, body, "ocs", "meta", "statuscode"); got != code || w.Code != http.StatusOK {
			t.Errorf("%s: statuscode %v, HTTP %d", path, got, w.Code)
		}
		below := func(keys ...string) any {
			return at(t, body, append([]string{"ocs", "data", "capabilities"}, keys...)...)
		}
		for key, got := range map[string]any{
			"files.bigfilechunking": below("files", "bigfilechunking"),
			"files.undelete":        below("files", "undelete"),
			"files_sharing":         below("files_sharing", "api_enabled"),
		} {
			if got != false {
				t.Errorf("%s: %s is %v, want it to say no", path, key, got)
			}
		}
		for key, got := range map[string]any{
			"files.tus_support": below("files", "tus_support"),
			"dav.chunking":      below("dav", "chunking"),
			"spaces":            below("spaces"),
		} {
			if got != nil {
				t.Errorf("%s: %s is there: %v", path, key, got)
			}
		}
		if got := below("core", "webdav-root"); got != "remote.php/webdav" {
			t.Errorf("webdav-root is %v", got)
		}
		if got := below("core", "status", "productversion"); got != productVersion {
			t.Errorf("productversion is %v", got)
		}
		if got := below("core", "pollinterval").(float64); got < 5000 {
			t.Errorf("clients ignore a pollinterval of %v", got)
		}
		if got := below("checksums", "preferredUploadType"); got != "SHA1" {
			t.Errorf("preferredUploadType is %v", got)
		}
	}
}

func TestTheUserIsWhoTheTokenSays(t *testing.T) {
	for _, path := range []string{"/ocs/v1.php/cloud/user", "/ocs/v2.php/cloud/user"} {
		body := get(t, alice, path+"?format=json").Body.Bytes()
		for key, want := range map[string]string{"id": "alice", "display-name": alice.DisplayName, "email": "alice@example.org"} {
			if got := at(t, body, "ocs", "data", key); got != want {
				t.Errorf("%s: %s is %v", path, key, got)
			}
		}
		if w := get(t, token.Claims{Service: "proxy"}, path+"?format=json"); w.Code != http.StatusUnauthorized {
			t.Errorf("%s for nobody: %d", path, w.Code)
		}
	}
}

func TestTheFormatIsXMLUnlessJSONIsAskedFor(t *testing.T) {
	for _, path := range []string{"/cloud/capabilities", "/cloud/user", "/config", "/nothing"} {
		for _, version := range []string{"/ocs/v1.php", "/ocs/v2.php"} {
			for name, test := range map[string]struct {
				query  string
				header []string
				json   bool
			}{
				"by default":               {"", nil, false},
				"XML":                      {"?format=xml", []string{"Accept", "application/json"}, false},
				"JSON":                     {"?format=json", nil, true},
				"JSON by header":           {"", []string{"Accept", "application/json"}, true},
				"a browser":                {"", []string{"Accept", "text/html,application/xml;q=0.9,*/*;q=0.8"}, false},
				"something never heard of": {"?format=yaml", nil, false},
			} {
				t.Run(version+path+" "+name, func(t *testing.T) {
					w := get(t, alice, version+path+test.query, test.header...)
					isJSON := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json")
					if isJSON != test.json || json.Valid(w.Body.Bytes()) != test.json {
						t.Errorf("%s: %s", w.Header().Get("Content-Type"), w.Body)
					}
					if !test.json {
						wellFormed(t, w.Body)
					}
				})
			}
		}
	}
}

func wellFormed(t *testing.T, r io.Reader) {
	t.Helper()
	decoder := xml.NewDecoder(r)
	root := ""
	for {
		part, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := part.(xml.StartElement); ok && root == "" {
			root = start.Name.Local
		}
	}
	if root != "ocs" {
		t.Errorf("the root is %q", root)
	}
}

func TestXMLHoldsTheSameAsJSON(t *testing.T) {
	var answer struct {
		Meta ocsMeta `xml:"meta"`
		Data user    `xml:"data"`
	}
	if err := xml.Unmarshal(get(t, alice, "/ocs/v1.php/cloud/user").Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Meta.StatusCode != 100 || answer.Data != (user{ID: "alice", DisplayName: alice.DisplayName, Email: alice.Email}) {
		t.Errorf("got %+v", answer)
	}
}

func TestWhatIsNotThereIsSaidInTheVersionsWay(t *testing.T) {
	for target, want := range map[string][2]int{
		"/ocs/v1.php/cloud/nothing?format=json": {200, 998},
		"/ocs/v2.php/cloud/nothing?format=json": {404, 404},
	} {
		w := get(t, alice, target)
		if got := at(t, w.Body.Bytes(), "ocs", "meta", "statuscode"); w.Code != want[0] || got != float64(want[1]) {
			t.Errorf("%s: HTTP %d, statuscode %v", target, w.Code, got)
		}
	}
	if w := get(t, alice, "/ocs/v3.php/cloud/user"); w.Code != http.StatusNotFound {
		t.Errorf("another version: %d", w.Code)
	}
}
