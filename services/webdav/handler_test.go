package webdav

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

const home = "/remote.php/webdav"

func TestMethodsAnswerWithTheStatusOfRFC4918(t *testing.T) {
	for name, test := range map[string]struct {
		method, target, body string
		header               []string
		refuse               error
		want                 int
	}{
		"put a new file":                         {"PUT", home + "/new", "x", nil, nil, 201},
		"put over a file":                        {"PUT", home + "/f.txt", "x", nil, nil, 204},
		"put where a slash ends the name":        {"PUT", home + "/f.txt/", "x", nil, nil, 409},
		"put a part of a file":                   {"PUT", home + "/f.txt", "x", []string{"Content-Range", "bytes 0-0/5"}, nil, 400},
		"put with an unreadable time":            {"PUT", home + "/f.txt", "x", []string{"X-OC-Mtime", "yesterday"}, nil, 400},
		"put with an unreadable checksum":        {"PUT", home + "/f.txt", "x", []string{"OC-Checksum", "SHA1:zz"}, nil, 400},
		"put with a checksum of wrong length":    {"PUT", home + "/f.txt", "x", []string{"OC-Checksum", "SHA1:abcd"}, nil, 400},
		"put with a checksum of an unknown kind": {"PUT", home + "/f.txt", "x", []string{"OC-Checksum", "FOO:12"}, nil, 400},
		"put with another total length":          {"PUT", home + "/f.txt", "x", []string{"OC-Total-Length", "5"}, nil, 400},
		"put with its total length":              {"PUT", home + "/f.txt", "x", []string{"OC-Total-Length", "1"}, nil, 204},
		"put with an unreadable total length":    {"PUT", home + "/f.txt", "x", []string{"OC-Total-Length", "-1"}, nil, 400},
		"get with an unreadable If header":       {"GET", home + "/f.txt", "", []string{"If", "(<a>"}, nil, 400},
		"put without room":                       {"PUT", home + "/f.txt", "x", nil, refusal(507), 507},
		"put on a locked file":                   {"PUT", home + "/f.txt", "x", nil, refusal(423), 423},
		"put against another etag":               {"PUT", home + "/f.txt", "x", []string{"If-Match", `"other"`}, refusal(412), 412},
		"get":                                    {"GET", home + "/f.txt", "", nil, nil, 200},
		"get a part":                             {"GET", home + "/f.txt", "", []string{"Range", "bytes=1-2"}, nil, 206},
		"get what is known already":              {"GET", home + "/f.txt", "", []string{"If-None-Match", `"e1"`}, nil, 304},
		"get nothing":                            {"GET", home + "/none", "", nil, nil, 404},
		"get a folder":                           {"GET", home + "/", "", nil, nil, 405},
		"head":                                   {"HEAD", home + "/f.txt", "", nil, nil, 200},
		"delete":                                 {"DELETE", home + "/f.txt", "", nil, nil, 204},
		"delete a part of a folder":              {"DELETE", home + "/a%20%26%20b/", "", []string{"Depth", "0"}, nil, 400},
		"delete it without its slash":            {"DELETE", home + "/a%20%26%20b", "", []string{"Depth", "0"}, nil, 400},
		"delete a file and no depth":             {"DELETE", home + "/f.txt", "", []string{"Depth", "0"}, nil, 204},
		"delete nothing to a depth":              {"DELETE", home + "/none", "", []string{"Depth", "0"}, nil, 404},
		"move a part of a folder":                {"MOVE", home + "/a%20%26%20b", "", []string{"Destination", home + "/g", "Depth", "0"}, nil, 400},
		"make a folder":                          {"MKCOL", home + "/new", "", nil, nil, 201},
		"make a folder with a body":              {"MKCOL", home + "/new", "x", nil, nil, 415},
		"make a folder that exists":              {"MKCOL", home + "/f.txt", "", nil, refusal(405), 405},
		"move":                                   {"MOVE", home + "/f.txt", "", []string{"Destination", home + "/g.txt"}, nil, 201},
		"move to an absolute address":            {"MOVE", home + "/f.txt", "", []string{"Destination", "http://cloud.example.org" + home + "/g.txt"}, nil, 201},
		"move to another prefix":                 {"MOVE", home + "/f.txt", "", []string{"Destination", "/dav/files/alice/g.txt"}, nil, 201},
		"move to another server":                 {"MOVE", home + "/f.txt", "", []string{"Destination", "http://elsewhere.example.org" + home + "/g"}, nil, 502},
		"move to another user":                   {"MOVE", home + "/f.txt", "", []string{"Destination", "/dav/files/bob/g"}, nil, 404},
		"move nowhere":                           {"MOVE", home + "/f.txt", "", nil, nil, 400},
		"move onto what is there":                {"MOVE", home + "/f.txt", "", []string{"Destination", home + "/tagged", "Overwrite", "F"}, refusal(412), 412},
		"copy over":                              {"COPY", home + "/f.txt", "", []string{"Destination", home + "/tagged"}, nil, 204},
		"copy with a strange depth":              {"COPY", home + "/f.txt", "", []string{"Destination", home + "/x", "Depth", "1"}, nil, 400},
		"list without end":                       {"PROPFIND", home + "/", "", []string{"Depth", "infinity"}, nil, 403},
		"list to an unknown depth":               {"PROPFIND", home + "/", "", []string{"Depth", "2"}, nil, 400},
		"unlock without a token":                 {"UNLOCK", home + "/f.txt", "", nil, nil, 400},
		"an If header that makes no sense":       {"PUT", home + "/f.txt", "x", []string{"If", "(<a>"}, nil, 400},
		"an unknown method":                      {"BREW", home + "/f.txt", "", nil, nil, 501},
		"another user's folder":                  {"GET", "/remote.php/dav/files/bob/f.txt", "", nil, nil, 404},
		"the own folder by name":                 {"GET", "/remote.php/dav/files/alice/f.txt", "", nil, nil, 200},
		"another place":                          {"GET", "/elsewhere", "", nil, nil, 404},
		"a name that only begins the same":       {"GET", "/remote.php/webdavs/f.txt", "", nil, nil, 404},
		"the parent":                             {"GET", home + "/x/%2e%2e/f.txt", "", nil, nil, 400},
		"a NUL":                                  {"GET", home + "/x%00", "", nil, nil, 400},
		"bytes that are not UTF-8":               {"GET", home + "/%ff%fe", "", nil, nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			storage := aliceFiles()
			storage.refuse = test.refuse
			answer := do(t, storage, test.method, test.target, test.body, test.header...)
			if answer.Code != test.want {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
			if answer.Code >= 400 && test.method != "HEAD" && !strings.Contains(answer.Body.String(), "<s:exception>") {
				t.Errorf("the error has no exception: %s", answer.Body)
			}
		})
	}
}

func TestNobodyGetsNothing(t *testing.T) {
	_, _, err := locate(mustURL(t, "/remote.php/dav/files/"), "alice")
	var answer *davError
	if !errors.As(err, &answer) || answer.status != http.StatusNotFound {
		t.Errorf("a folder without a name is %v", err)
	}
	storage := aliceFiles()
	saved := alice
	alice = token.Claims{}
	defer func() { alice = saved }()
	if answer := do(t, storage, "GET", home+"/f.txt", ""); answer.Code != http.StatusUnauthorized || storage.calls != 0 {
		t.Errorf("got %d after %d calls", answer.Code, storage.calls)
	}
}

func TestTheWayDownToTheOwnFolderCanBeFound(t *testing.T) {
	for _, test := range []struct {
		collection string
		hrefs      []string
	}{
		{"/remote.php/dav", []string{"/remote.php/dav/", "/remote.php/dav/files/", "/remote.php/dav/spaces/", "/remote.php/dav/trash-bin/"}},
		{"/remote.php/dav/files", []string{"/remote.php/dav/files/", "/remote.php/dav/files/alice/"}},
		{"/remote.php/dav/spaces", []string{"/remote.php/dav/spaces/"}},
		{"/remote.php/dav/trash-bin", []string{"/remote.php/dav/trash-bin/", "/remote.php/dav/trash-bin/alice/"}},
		{"/dav", []string{"/dav/", "/dav/files/", "/dav/trash-bin/"}},
		{"/dav/files", []string{"/dav/files/", "/dav/files/alice/"}},
	} {
		for _, slash := range []string{"", "/"} {
			storage := aliceFiles()
			if answer := do(t, storage, "OPTIONS", test.collection+slash, ""); answer.Code != http.StatusOK || answer.Result().Header.Get("DAV") == "" || answer.Result().Header.Get("Allow") != allowedAbove {
				t.Errorf("OPTIONS %s%s gets %d, %v", test.collection, slash, answer.Code, answer.Header())
			}
			for depth, want := range map[string][]string{"0": test.hrefs[:1], "1": test.hrefs} {
				answer := do(t, storage, "PROPFIND", test.collection+slash, "", "Depth", depth)
				if got := hrefs(t, answer.Body.String()); answer.Code != http.StatusMultiStatus || !slices.Equal(got, want) {
					t.Errorf("PROPFIND %s%s to depth %s gets %d, %v", test.collection, slash, depth, answer.Code, got)
				}
			}
			if answer := do(t, storage, "PUT", test.collection+slash, "x"); answer.Code != http.StatusMethodNotAllowed || storage.put != nil {
				t.Errorf("PUT %s%s gets %d", test.collection, slash, answer.Code)
			}
		}
	}
	body := do(t, aliceFiles(), "PROPFIND", "/remote.php/dav/files/", prop("<D:resourcetype/><D:getetag/><o:id/><o:permissions/>"), "Depth", "0").Body.String()
	if !strings.Contains(body, "<d:collection/>") || !strings.Contains(body, "<d:getetag></d:getetag><oc:id></oc:id><oc:permissions></oc:permissions></d:prop><d:status>HTTP/1.1 404") {
		t.Errorf("what is not stored is said: %s", body)
	}
	body = do(t, aliceFiles(), "PROPFIND", "/remote.php/dav/trash-bin/", prop("<o:id/>"), "Depth", "1").Body.String()
	if strings.Contains(body, "200 OK") {
		t.Errorf("a trash has the id of the files: %s", body)
	}
	if answer := do(t, aliceFiles(), "PROPFIND", "/remote.php/dav/spaces/1/", "", "Depth", "0"); answer.Code != http.StatusNotFound {
		t.Errorf("a space is there: %d", answer.Code)
	}
}

// hrefs are the addresses in a multistatus.
func hrefs(t *testing.T, document string) (list []string) {
	t.Helper()
	root, err := parseXML(strings.NewReader(document))
	if err != nil || root == nil {
		t.Fatalf("%v: %s", err, document)
	}
	for _, response := range root.children {
		list = append(list, response.find("href").text)
	}
	return list
}

func TestAFileIsServedSoThatItCannotBecomeAPage(t *testing.T) {
	answer := do(t, aliceFiles(), "GET", home+"/f.txt", "")
	for name, want := range map[string]string{
		"ETag": `"e1"`, "OC-ETag": `"e1"`, "OC-FileId": "3", "OC-Checksum": "SHA1:ab",
		"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment; filename=f.txt", "Accept-Ranges": "bytes",
	} {
		if got := answer.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if answer.Body.String() != "hello" {
		t.Errorf("the content is %q", answer.Body)
	}
}

func TestAPutCarriesEverythingToStorage(t *testing.T) {
	storage := aliceFiles()
	answer := do(t, storage, "PUT", home+"/f.txt", "hello",
		"X-OC-Mtime", "1700000000.5", "OC-Checksum", "SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", "If-Match", `"e1", "e0"`, "If", "(<urn:uuid:7>)")
	put := storage.put
	if answer.Header().Get("X-OC-MTime") != "accepted" || answer.Header().Get("OC-FileId") != "new" || answer.Header().Get("ETag") != `"e2"` {
		t.Errorf("the answer's headers are %v", answer.Header())
	}
	if string(put.Content) != "hello" || put.MtimeUnixNano != 1_700_000_000_500_000_000 || len(put.Expected.Sha1) != 20 {
		t.Errorf("storage got %v", put)
	}
	if c := put.Conditions; strings.Join(c.IfMatch, " ") != "e1 e0" || c.LockTokens[0] != "urn:uuid:7" || c.IfLists[0].Path != "/f.txt" {
		t.Errorf("the conditions are %v", c)
	}
}

func TestNoConditionIsLostOnTheWayToStorage(t *testing.T) {
	for name, test := range map[string]struct {
		header, value string
		match, none   []string
		since         int64
	}{
		"one etag":                {"If-Match", `"e1"`, []string{"e1"}, nil, 0},
		"several":                 {"If-Match", `"e1","e2" , "e3"`, []string{"e1", "e2", "e3"}, nil, 0},
		"an etag with a comma":    {"If-Match", `"a,b"`, []string{"a,b"}, nil, 0},
		"anything":                {"If-Match", "*", []string{"*"}, nil, 0},
		"an etag that is a star":  {"If-Match", `"*"`, []string{noEtag}, nil, 0},
		"an empty etag":           {"If-Match", `""`, []string{noEtag}, nil, 0},
		"an empty list":           {"If-Match", "", []string{noEtag}, nil, 0},
		"an empty list of commas": {"If-Match", " , ", []string{noEtag}, nil, 0},
		"a weak etag":             {"If-Match", `W/"e1", "e2"`, []string{noEtag, "e2"}, nil, 0},
		"an etag without quotes":  {"If-Match", "e1, e2", []string{"e1", "e2"}, nil, 0},
		"a quote without its end": {"If-Match", `"e1`, []string{"e1"}, nil, 0},
		"none of weak ones":       {"If-None-Match", `W/"e1", "e2"`, nil, []string{"e1", "e2"}, 0},
		"none at all":             {"If-None-Match", "*", nil, []string{"*"}, 0},
		"not changed since":       {"If-Unmodified-Since", "Tue, 14 Nov 2023 22:13:20 GMT", nil, nil, 1_700_000_000},
		"no date":                 {"If-Unmodified-Since", "yesterday", nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			storage := aliceFiles()
			do(t, storage, "PUT", home+"/f.txt", "x", test.header, test.value)
			c := storage.put.Conditions
			if !slices.Equal(c.GetIfMatch(), test.match) || !slices.Equal(c.GetIfNoneMatch(), test.none) || c.GetIfUnmodifiedSince() != test.since {
				t.Errorf("storage got %v", c)
			}
		})
	}
}

func TestReadsCarryTheIfHeaderToStorage(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		storage := aliceFiles()
		answer := do(t, storage, method, home+"/f.txt", "", "If", `(["other"])`, "If-None-Match", `"e1"`)
		lists := storage.conditions.GetIfLists()
		if answer.Code != http.StatusNotModified || len(lists) != 1 || lists[0].Tests[0].GetEtag() != "other" || storage.conditions.IfNoneMatch != nil {
			t.Errorf("%s: %d, storage got %v", method, answer.Code, storage.conditions)
		}
	}
}

func TestABodyThatIsTooShortIsNotWritten(t *testing.T) {
	storage := aliceFiles()
	if answer := do(t, storage, "PUT", home+"/f.txt", "hel"); answer.Code != http.StatusNoContent {
		t.Fatal("the fake is broken")
	}
	storage.put = nil
	request := shortBody(t, 10, "hel")
	answer := serveAs(storage, request)
	if answer.Code != http.StatusBadRequest || storage.put != nil {
		t.Errorf("got %d, storage got %v", answer.Code, storage.put)
	}
}

func TestReadsSurviveARestartOfStorageAndWritesSayTryAgain(t *testing.T) {
	storage := aliceFiles()
	storage.away = 3
	if answer := do(t, storage, "GET", home+"/f.txt", ""); answer.Code != http.StatusOK {
		t.Errorf("a read gets %d", answer.Code)
	}
	storage.away = 1
	answer := do(t, storage, "PUT", home+"/f.txt", "x")
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("a write gets %d", answer.Code)
	}
	storage.away = 1 << 30
	if answer := do(t, storage, "PROPFIND", home+"/", "", "Depth", "1"); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("a read of a dead storage gets %d", answer.Code)
	}
}

func TestNobodyWaitsForAStorageThatWasStopped(t *testing.T) {
	storage := aliceFiles()
	storage.away, storage.awayError = 1000, microerrors.New("stopped", "storage does not run", http.StatusServiceUnavailable)
	answer := do(t, storage, http.MethodGet, home+"/f.txt", "")
	if answer.Code != http.StatusServiceUnavailable || storage.calls != 1 || !strings.Contains(answer.Body.String(), "it was stopped, or has failed") {
		t.Errorf("%d after %d calls: %s", answer.Code, storage.calls, answer.Body)
	}
}

func TestAListingThatWasCutOffIsReadAgainFromItsBeginning(t *testing.T) {
	storage := aliceFiles()
	whole := do(t, storage, "PROPFIND", home+"/", "", "Depth", "1").Body.String()
	storage.cutOff = 2
	if answer := do(t, storage, "PROPFIND", home+"/", "", "Depth", "1"); answer.Code != http.StatusMultiStatus || answer.Body.String() != whole {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	storage.cutOff = 1 << 30
	if answer := do(t, storage, "PROPFIND", home+"/", "", "Depth", "1"); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestWhatIsLockedIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		method, target, body, detail string
		header                       []string
		want                         string
	}{
		"itself": {"DELETE", home + "/a%20%26%20b", "", storageapi.Locked("/a & b"), nil,
			"<d:lock-token-submitted><d:href>/remote.php/webdav/a%20%26%20b</d:href></d:lock-token-submitted>"},
		"the folder above, not the new child": {"PUT", "/dav/files/alice/a%20%26%20b/new", "x", storageapi.Locked("/a & b"), nil,
			"<d:lock-token-submitted><d:href>/dav/files/alice/a%20%26%20b</d:href></d:lock-token-submitted>"},
		"the destination": {"MOVE", home + "/f.txt", "", storageapi.Locked("/g"), []string{"Destination", home + "/g"},
			"<d:lock-token-submitted><d:href>/remote.php/webdav/g</d:href></d:lock-token-submitted>"},
		"by another lock": {"LOCK", home + "/a%20%26%20b/new", lockInfo, storageapi.Conflicting("/a & b"), nil,
			"<d:no-conflicting-lock><d:href>/remote.php/webdav/a%20%26%20b</d:href></d:no-conflicting-lock>"},
		"something": {"DELETE", home + "/f.txt", "", "because", nil,
			"<d:lock-token-submitted><d:href>/remote.php/webdav/f.txt</d:href></d:lock-token-submitted>"},
	} {
		t.Run(name, func(t *testing.T) {
			storage := aliceFiles()
			storage.refuse = microerrors.New(storageName, test.detail, http.StatusLocked)
			answer := do(t, storage, test.method, test.target, test.body, test.header...)
			if answer.Code != http.StatusLocked || !strings.Contains(answer.Body.String(), test.want) {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
	}
}
