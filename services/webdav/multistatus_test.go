package webdav

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// askFor is a PROPFIND body with n properties that nothing has, of names that long.
func askFor(n, length int) string {
	var names strings.Builder
	for i := range n {
		fmt.Fprintf(&names, "<x:%s%d/>", strings.Repeat("n", length), i)
	}
	return prop(names.String())
}

// partsRecorder knows the largest part that an answer was sent in.
type partsRecorder struct {
	*httptest.ResponseRecorder
	largest int
}

func (p *partsRecorder) Write(part []byte) (int, error) {
	p.largest = max(p.largest, len(part))
	return p.ResponseRecorder.Write(part)
}

func TestAHugeListingIsSentInPartsAndIsWhole(t *testing.T) {
	const files = 300
	storage := aliceFiles()
	for i := range files {
		name := fmt.Sprintf("/a & b/%d", i)
		storage.entries[name] = &storageapi.Entry{Id: "x", Path: name, Type: storageapi.Type_TYPE_FILE, Etag: "e"}
	}
	request := httptest.NewRequest("PROPFIND", home+"/a%20&%20b/", strings.NewReader(askFor(maxProps, 100)))
	request.Header.Set("Depth", "1")
	request = request.WithContext(token.NewContext(request.Context(), alice))
	answer := &partsRecorder{ResponseRecorder: httptest.NewRecorder()}
	(&handler{storage: storage}).ServeHTTP(answer, request)
	if answer.Code != http.StatusMultiStatus || answer.Body.Len() < 8*maxBuffered || answer.largest > 2*maxBuffered {
		t.Errorf("%d, %d bytes, the largest part has %d", answer.Code, answer.Body.Len(), answer.largest)
	}
	if length := answer.Header().Get("Content-Length"); length != "" {
		t.Errorf("a length is announced: %s", length)
	}
	if got := bytes.Count(answer.Body.Bytes(), []byte("<d:response>")); got != files+1 {
		t.Errorf("%d resources", got)
	}
	if err := xml.Unmarshal(answer.Body.Bytes(), new(any)); err != nil {
		t.Errorf("it is no XML: %v", err)
	}
}

func TestAPropfindMayNotNameAnyNumberOfProperties(t *testing.T) {
	answer := do(t, aliceFiles(), "PROPFIND", home+"/", askFor(maxProps+1, 1), "Depth", "1")
	if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), "256 properties at most") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	body := `<propfind xmlns="DAV:"><allprop/><include>` + strings.Repeat("<getetag/>", 1000) + `</include></propfind>`
	if answer := do(t, aliceFiles(), "PROPFIND", home+"/f.txt", body, "Depth", "0"); strings.Count(answer.Body.String(), "<d:getetag>") != 1 {
		t.Errorf("allprop with the same many times: %d %s", answer.Code, answer.Body)
	}
	answer = do(t, aliceFiles(), "PROPFIND", home+"/f.txt", prop(strings.Repeat("<D:getetag/><x:none/>", 1000)), "Depth", "0")
	if text := answer.Body.String(); answer.Code != http.StatusMultiStatus || strings.Count(text, "<d:getetag>") != 1 || strings.Count(text, "<x:none") != 1 {
		t.Errorf("the same properties many times: %d %s", answer.Code, text)
	}
}
