package frontend

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// ask requests a path as alice, or as nobody.
func ask(t *testing.T, settings Settings, path string, claims token.Claims) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request = request.WithContext(token.NewContext(request.Context(), claims))
	recorder := httptest.NewRecorder()
	routes(settings).ServeHTTP(recorder, request)
	return recorder
}

var alice = token.Claims{Subject: "id-1", Username: "alice", DisplayName: "Alice A", Email: "alice@example.org"}

func TestStatusIsWhatClientsLookFor(t *testing.T) {
	for _, maintenance := range []bool{false, true} {
		answer := ask(t, Settings{Maintenance: maintenance}, "/status.php", token.Claims{})
		var status map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &status); err != nil {
			t.Fatal(err)
		}
		if status["installed"] != true || status["maintenance"] != maintenance || status["productversion"] == "" || !strings.HasPrefix(status["version"].(string), "10.") {
			t.Errorf("status is %v", status)
		}
	}
}

func TestTheUserIsTheOneOfTheToken(t *testing.T) {
	for path, code := range map[string]float64{"/ocs/v1.php/cloud/user": 100, "/ocs/v2.php/cloud/user": 200} {
		answer := ask(t, Settings{}, path+"?format=json", alice)
		var body struct {
			OCS struct {
				Meta map[string]any    `json:"meta"`
				Data map[string]string `json:"data"`
			} `json:"ocs"`
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if body.OCS.Meta["statuscode"] != code || body.OCS.Data["id"] != "alice" || body.OCS.Data["display-name"] != "Alice A" {
			t.Errorf("%s answers %s", path, answer.Body)
		}
	}
}

func TestNobodyIsNoUser(t *testing.T) {
	if answer := ask(t, Settings{}, "/ocs/v1.php/cloud/user?format=json", token.Claims{}); answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"statuscode":997`) {
		t.Errorf("version 1 answers %d %s", answer.Code, answer.Body)
	}
	if answer := ask(t, Settings{}, "/ocs/v2.php/cloud/user", token.Claims{}); answer.Code != http.StatusUnauthorized {
		t.Errorf("version 2 answers %d", answer.Code)
	}
}

func TestNothingIsAdvertisedThatIsNotServed(t *testing.T) {
	answer := ask(t, Settings{}, "/ocs/v1.php/cloud/capabilities?format=json", token.Claims{})
	body := answer.Body.String()
	if !strings.Contains(body, `"bigfilechunking":false`) || !strings.Contains(body, `"api_enabled":false`) {
		t.Errorf("clients would take for served what is not said to be off: %s", body)
	}
	for _, never := range []string{"tus_support", `"chunking"`, "spaces"} {
		if strings.Contains(body, never) {
			t.Errorf("%s is advertised", never)
		}
	}
}

func TestTheDefaultIsXML(t *testing.T) {
	answer := ask(t, Settings{}, "/ocs/v1.php/cloud/capabilities", token.Claims{})
	var body struct {
		XMLName xml.Name `xml:"ocs"`
		Code    int      `xml:"meta>statuscode"`
		Root    string   `xml:"data>capabilities>core>webdav-root"`
	}
	if err := xml.Unmarshal(answer.Body.Bytes(), &body); err != nil || body.Code != 100 || body.Root != "remote.php/webdav" {
		t.Errorf("%v: %s", err, answer.Body)
	}
}

func TestUnknownCallsAndWritesAreRefused(t *testing.T) {
	if answer := ask(t, Settings{}, "/ocs/v2.php/apps/unknown", alice); answer.Code != http.StatusNotFound {
		t.Errorf("an unknown call gets %d", answer.Code)
	}
	recorder := httptest.NewRecorder()
	routes(Settings{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/status.php", nil))
	if recorder.Code != http.StatusMethodNotAllowed {
		t.Errorf("a write gets %d", recorder.Code)
	}
}
