package webdav

import (
	"encoding/binary"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// shortBody is a request that announces more than it has.
func shortBody(t *testing.T, announced int64, body string) *http.Request {
	t.Helper()
	request := httptest.NewRequest(http.MethodPut, "http://cloud.example.org"+home+"/f.txt", strings.NewReader(body))
	request.ContentLength = announced
	return request
}

func serveAs(storage *fakeStorage, request *http.Request) *httptest.ResponseRecorder {
	log, _ := test.NewNullLogger()
	recorder := httptest.NewRecorder()
	request = request.WithContext(token.NewContext(request.Context(), alice))
	(&handler{storage: storage, log: logrus.NewEntry(log)}).ServeHTTP(recorder, request)
	return recorder
}

func prop(names string) string {
	return `<?xml version="1.0"?><D:propfind xmlns:D="DAV:" xmlns:o="http://owncloud.org/ns" xmlns:x="urn:x"><D:prop>` + names + `</D:prop></D:propfind>`
}

func TestPropfindAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		target, depth, body string
		want, never         []string
	}{
		"what is asked for and what is missing": {
			home + "/f.txt", "0", prop("<D:getetag/><o:id/><o:permissions/><o:checksums/><x:none/>"),
			[]string{`<d:href>/remote.php/webdav/f.txt</d:href>`, `<d:getetag>"e1"</d:getetag>`, "<oc:id>3</oc:id>", "<oc:permissions>RDNVWZP</oc:permissions>",
				"<oc:checksums><oc:checksum>SHA1:ab MD5:cd</oc:checksum></oc:checksums>", `<x:none xmlns:x="urn:x"></x:none>`, "404 Not Found"},
			[]string{"getcontentlength"},
		},
		"a folder with what is in it": {
			home + "/", "1", prop("<D:resourcetype/>"),
			[]string{"<d:href>/remote.php/webdav/</d:href>", "<d:href>/remote.php/webdav/a%20%26%20b/</d:href>", "<d:href>/remote.php/webdav/f.txt</d:href>", "<d:collection/>"},
			[]string{"deep", "404"},
		},
		"only itself": {home + "/", "0", prop("<D:resourcetype/>"), []string{"<d:href>/remote.php/webdav/</d:href>"}, []string{"f.txt"}},
		"the quota of a folder": {
			home + "/", "0", prop("<D:quota-used-bytes/><D:quota-available-bytes/>"),
			[]string{"<d:quota-used-bytes>7<", "<d:quota-available-bytes>93<"}, nil,
		},
		"everything": {home + "/tagged", "0", "", []string{`<x:color xmlns:x="urn:x"><b xmlns="">red</b></x:color>`, "<d:supportedlock>", "<oc:fileid>5<"}, []string{"quota", "404"}},
		"everything and more": {
			home + "/", "0", `<propfind xmlns="DAV:"><allprop/><include><quota-used-bytes/></include></propfind>`,
			[]string{"<d:quota-used-bytes>7<"}, nil,
		},
		"the names":        {home + "/tagged", "0", `<propfind xmlns="DAV:"><propname/></propfind>`, []string{`<x:color xmlns:x="urn:x"></x:color>`, "<d:getetag></d:getetag>"}, []string{">red<", "e5", "checksums"}},
		"the other prefix": {"/dav/files/alice/f.txt", "0", prop("<D:getetag/>"), []string{"<d:href>/dav/files/alice/f.txt</d:href>"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			answer := do(t, aliceFiles(), "PROPFIND", test.target, test.body, "Depth", test.depth)
			body := answer.Body.String()
			if answer.Code != http.StatusMultiStatus {
				t.Fatalf("%d %s", answer.Code, body)
			}
			if err := xml.Unmarshal([]byte(body), new(any)); err != nil {
				t.Errorf("it is no XML: %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(body, part) {
					t.Errorf("it does not say %s:\n%s", part, body)
				}
			}
			for _, part := range test.never {
				if strings.Contains(body, part) {
					t.Errorf("it says %s:\n%s", part, body)
				}
			}
		})
	}
}

func TestBodiesThatAreNoGoodXMLAreRefused(t *testing.T) {
	for name, body := range map[string]string{
		"cut off":                              `<propfind xmlns="DAV:"><prop>`,
		"no XML":                               `hello`,
		"an unbound prefix":                    `<D:propfind xmlns:D="DAV:"><D:prop><bar:foo xmlns:bar=""/></D:prop></D:propfind>`,
		"a document type":                      `<!DOCTYPE x [<!ENTITY a "b">]><propfind xmlns="DAV:"><allprop/></propfind>`,
		"something else":                       `<propertyupdate xmlns="DAV:"/>`,
		"an attribute twice":                   `<propfind xmlns="DAV:"><prop a="1" a="2"/></propfind>`,
		"an attribute twice, hidden":           `<propfind xmlns="DAV:"><prop xmlns:p="u" xmlns:q="u" p:a="1" q:a="2"/></propfind>`,
		"a prefix twice":                       `<propfind xmlns="DAV:"><prop xmlns:p="u" xmlns:p="v"/></propfind>`,
		"two colons":                           `<propfind xmlns="DAV:"><prop><a:b:c xmlns:a="u"/></prop></propfind>`,
		"a colon and nothing":                  `<propfind xmlns="DAV:"><prop><a: xmlns:a="u"/></prop></propfind>`,
		"no name after the prefix":             `<propfind xmlns="DAV:"><prop><a:0 xmlns:a="u"/></prop></propfind>`,
		"a reserved namespace":                 `<propfind xmlns="DAV:"><prop><a xmlns="http://www.w3.org/2000/xmlns/"/></prop></propfind>`,
		"a reserved prefix":                    `<propfind xmlns="DAV:"><prop><xml:a/></prop></propfind>`,
		"two roots":                            `<propfind xmlns="DAV:"><allprop/></propfind>x`,
		"two root elements":                    `<propfind xmlns="DAV:"><allprop/></propfind><propfind xmlns="DAV:"/>`,
		"a document type at the end":           `<propfind xmlns="DAV:"><allprop/></propfind><!DOCTYPE x>`,
		"an undeclared prefix":                 `<propfind xmlns="DAV:"><prop><q:foo/></prop></propfind>`,
		"an undeclared prefix of an attribute": `<propfind xmlns="DAV:"><prop><foo q:a="1"/></prop></propfind>`,
		"a prefix of another element":          `<propfind xmlns="DAV:"><prop><q:foo xmlns:q="urn:q"/><q:bar/></prop></propfind>`,
		"half a character of UTF-16":           "\xfe\xff\x00<\x00",
		"half a pair of UTF-16":                "\xfe\xff\x00<\xd8\x00",
		"another encoding":                     `<?xml version="1.0" encoding="iso-8859-1"?><propfind xmlns="DAV:"><allprop/></propfind>`,
		"too deep":                             strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100),
		"asks for nothing":                     `<propfind xmlns="DAV:"/>`,
	} {
		t.Run(name, func(t *testing.T) {
			if answer := do(t, aliceFiles(), "PROPFIND", home+"/", body, "Depth", "0"); answer.Code != http.StatusBadRequest {
				t.Errorf("got %d", answer.Code)
			}
		})
	}
	if answer := do(t, aliceFiles(), "PROPFIND", home+"/", "<a>"+strings.Repeat("x", maxXMLBytes)+"</a>", "Depth", "0"); answer.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body gets %d", answer.Code)
	}
}

func TestBodiesMayBeInUTF8AndUTF16(t *testing.T) {
	const document = `<?xml version="1.0" encoding="%s"?><propfind xmlns="DAV:"><prop><x:ü xmlns:x="urn:x"/></prop></propfind><!-- 𝄞 -->`
	utf16In := func(order binary.AppendByteOrder) string {
		data := order.AppendUint16(nil, 0xfeff)
		for _, unit := range utf16.Encode([]rune(strings.Replace(document, "%s", "UTF-16", 1))) {
			data = order.AppendUint16(data, unit)
		}
		return string(data)
	}
	for name, body := range map[string]string{
		"UTF-8":               strings.Replace(document, "%s", "UTF-8", 1),
		"UTF-8 with its mark": "\xef\xbb\xbf" + strings.Replace(document, "%s", "utf-8", 1),
		"UTF-16, high first":  utf16In(binary.BigEndian),
		"UTF-16, low first":   utf16In(binary.LittleEndian),
	} {
		answer := do(t, aliceFiles(), "PROPFIND", home+"/f.txt", body, "Depth", "0")
		if answer.Code != http.StatusMultiStatus || !strings.Contains(answer.Body.String(), `<x:ü xmlns:x="urn:x">`) {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
}

func TestProppatchIsAllOrNothing(t *testing.T) {
	const set = `<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop>%s</D:prop></D:set><D:remove><D:prop><x:old/></D:prop></D:remove></D:propertyupdate>`
	storage := aliceFiles()
	answer := do(t, storage, "PROPPATCH", home+"/f.txt", strings.Replace(set, "%s", "<x:color><b>r&amp;d</b></x:color>", 1))
	if answer.Code != http.StatusMultiStatus || strings.Contains(answer.Body.String(), "424") || len(storage.set.Changes) != 2 {
		t.Fatalf("%d %s, storage got %v", answer.Code, answer.Body, storage.set)
	}
	if got := string(storage.set.Changes[0].Property.InnerXml); got != `<b xmlns="">r&amp;d</b>` || !storage.set.Changes[1].Remove {
		t.Errorf("storage got %v", storage.set)
	}

	storage = aliceFiles()
	answer = do(t, storage, "PROPPATCH", home+"/f.txt", strings.Replace(set, "%s", "<x:color>red</x:color><D:getetag>mine</D:getetag>", 1))
	if body := answer.Body.String(); storage.set != nil || !strings.Contains(body, "403 Forbidden") || !strings.Contains(body, "424 Failed Dependency") {
		t.Errorf("%s, storage got %v", body, storage.set)
	}

	storage = aliceFiles()
	do(t, storage, "PROPPATCH", home+"/f.txt", strings.Replace(set, "%s", "<D:lastmodified>1700000000</D:lastmodified>", 1))
	if storage.set == nil || storage.set.MtimeUnixNano != 1_700_000_000_000_000_000 {
		t.Errorf("storage got %v", storage.set)
	}
}

func TestAnyPropertyComesBackReadableAndInItsLanguage(t *testing.T) {
	for name, test := range map[string]struct{ set, want string }{
		"attributes of two namespaces": {
			`<x:p><c xmlns:m="urn:m" xmlns:n="urn:n" m:a="1" n:b="2" m:c="3" d="4">t</c></x:p>`,
			`<x:p xmlns:x="urn:x" xml:lang="it"><c xmlns="" xmlns:a1="urn:m" a1:a="1" xmlns:a2="urn:n" a2:b="2" a1:c="3" d="4">t</c></x:p>`,
		},
		"a language":               {`<x:p xml:lang="fr">fromage</x:p>`, `<x:p xmlns:x="urn:x" xml:lang="fr">fromage</x:p>`},
		"a language further up":    {`<x:p>fromage</x:p>`, `<x:p xmlns:x="urn:x" xml:lang="it">fromage</x:p>`},
		"a language in the value":  {`<x:p xml:lang="fr">a<b xml:lang="en">c</b></x:p>`, `<x:p xmlns:x="urn:x" xml:lang="fr">a<b xmlns="" xml:lang="en">c</b></x:p>`},
		"a language full of marks": {`<x:p xml:lang='"&lt;'>x</x:p>`, `<x:p xmlns:x="urn:x" xml:lang="&#34;&lt;">x</x:p>`},
	} {
		t.Run(name, func(t *testing.T) {
			storage := aliceFiles()
			body := `<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x" xml:lang="it"><D:set><D:prop>` + test.set + `</D:prop></D:set></D:propertyupdate>`
			if answer := do(t, storage, "PROPPATCH", home+"/f.txt", body); answer.Code != http.StatusMultiStatus || storage.set == nil {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			storage.entries["/f.txt"].Properties = []*storageapi.Property{storage.set.Changes[0].Property}
			listing := do(t, storage, "PROPFIND", home+"/", prop("<x:p/>"), "Depth", "1").Body.String()
			if _, err := parseXML(strings.NewReader(listing)); err != nil || !strings.Contains(listing, test.want) {
				t.Errorf("%v: the listing is\n%s", err, listing)
			}
		})
	}
}

func TestRcloneMaySetTheTimeAndOfferTheChecksums(t *testing.T) {
	const body = `<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><lastmodified xmlns="DAV:">1700000000</lastmodified>` +
		`<checksums xmlns="http://owncloud.org/ns"><checksum>SHA1:abcd</checksum></checksums></D:prop></D:set></D:propertyupdate>`
	storage := aliceFiles()
	answer := do(t, storage, "PROPPATCH", home+"/f.txt", body)
	if text := answer.Body.String(); !strings.Contains(text, "<oc:checksums></oc:checksums></d:prop><d:status>HTTP/1.1 200 OK") || strings.Contains(text, "HTTP/1.1 4") {
		t.Errorf("%d %s", answer.Code, text)
	}
	if storage.set.GetMtimeUnixNano() != 1_700_000_000_000_000_000 || len(storage.set.GetChanges()) != 0 {
		t.Errorf("storage got %v", storage.set)
	}
	storage = aliceFiles()
	do(t, storage, "PROPPATCH", home+"/f.txt", strings.NewReplacer("D:set", "D:remove").Replace(body))
	if storage.set != nil {
		t.Errorf("the checksums are removed: storage got %v", storage.set)
	}
}

const lockInfo = `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>alice</D:href></D:owner></D:lockinfo>`

func TestLocksAreAskedForAndShown(t *testing.T) {
	storage := aliceFiles()
	answer := do(t, storage, "LOCK", home+"/new", lockInfo, "Timeout", "Infinite, Second-4100000000", "Depth", "0")
	if answer.Code != http.StatusCreated || answer.Header().Get("Lock-Token") != "<urn:uuid:1>" || !storage.locked.Exclusive || storage.locked.Infinite {
		t.Errorf("%d %v, storage got %v", answer.Code, answer.Header(), storage.locked)
	}
	if !strings.Contains(answer.Body.String(), `<d:owner><href xmlns="DAV:">alice</href></d:owner>`) {
		t.Errorf("got %s", answer.Body)
	}
	if answer := do(t, storage, "LOCK", home+"/f.txt", "", "If", "(<urn:uuid:1>)", "Timeout", "Second-99"); answer.Code != http.StatusOK || storage.refresh.Token != "urn:uuid:1" || storage.refresh.TimeoutSeconds != 99 {
		t.Errorf("a refresh gets %d, storage got %v", answer.Code, storage.refresh)
	}
	if answer := do(t, storage, "LOCK", home+"/f.txt", ""); answer.Code != http.StatusBadRequest {
		t.Errorf("a refresh without a token gets %d", answer.Code)
	}
	if answer := do(t, storage, "UNLOCK", home+"/f.txt", "", "Lock-Token", "<urn:uuid:1>"); answer.Code != http.StatusNoContent || storage.unlocked != "urn:uuid:1" {
		t.Errorf("unlock gets %d, storage got %q", answer.Code, storage.unlocked)
	}
}

func TestTheIfHeader(t *testing.T) {
	r := &request{path: "/f.txt", user: alice}
	lists, err := r.parseIf(`<http://cloud.example.org/remote.php/webdav/a%20b> (<urn:1> ["e1"]) (Not <urn:2>) </elsewhere> ([W/"e2"])`)
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) != 3 || lists[0].Path != "/a b" || lists[0].Tests[0].GetToken() != "urn:1" || lists[0].Tests[1].GetEtag() != "e1" ||
		!lists[1].Tests[0].Not || lists[2].Path != elsewhere || lists[2].Tests[0].GetEtag() != "e2" {
		t.Errorf("got %v", lists)
	}
	if tokens := submitted(lists); len(tokens) != 1 || tokens[0] != "urn:1" {
		t.Errorf("submitted are %v", tokens)
	}
	for _, bad := range []string{"", "x", "(", "()", "(<a)", "(<>)", "([a)", "(Not)", "<a>", "(<a>) <b> (<c>)", "(<a>) x"} {
		if lists, err := r.parseIf(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, lists)
		}
	}
}

func FuzzIf(f *testing.F) {
	f.Add(`<http://x/remote.php/webdav/a> (<urn:1> ["e1"]) (Not <urn:2>)`)
	f.Add(`(Not Not <a>)`)
	f.Fuzz(func(t *testing.T, header string) {
		lists, err := (&request{path: "/", user: alice}).parseIf(header)
		if err == nil && len(lists) == 0 {
			t.Error("no lists and no error")
		}
		submitted(lists)
	})
}

func FuzzPaths(f *testing.F) {
	f.Add("/remote.php/webdav/a/../b")
	f.Add("/dav/files/alice/%2e%2e/x%00")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		_, path, err := locate(u, "alice")
		if err != nil {
			return
		}
		if strings.Contains(path+"/", "/../") || strings.Contains(path, "//") || !strings.HasPrefix(path, "/") {
			t.Errorf("%q becomes %q", text, path)
		}
		back, err := url.Parse(href("/remote.php/webdav", path, false))
		if err != nil {
			t.Fatal(err)
		}
		if _, again, err := locate(back, "alice"); err != nil || again != path {
			t.Errorf("%q goes out and comes back as %q, %v", path, again, err)
		}
	})
}

func FuzzXML(f *testing.F) {
	f.Add(prop("<D:getetag/><x:a b='c'>d<e/></x:a>"))
	f.Add(`<a xmlns="u" xml:lang="en" p:b="c" xmlns:p="q">t&lt;</a>`)
	f.Add(`<a><c xmlns:m="urn:m" xmlns:n="urn:n" m:a="1" n:b="2" xml:space="preserve"/></a>`)
	f.Add(`<A:0/>`)
	f.Add(`<a xmlns:b="http://www.w3.org/XML/1998/namespace" b:lang="x"/>`)
	f.Fuzz(func(t *testing.T, body string) {
		read := func(text string) (*element, error) {
			return (&request{Request: httptest.NewRequest("PROPFIND", "/", strings.NewReader(text))}).readXML()
		}
		root, err := read(body)
		if err != nil || root == nil {
			return
		}
		var out strings.Builder
		root.write(&out)
		again, err := read(out.String())
		if err != nil || again.inner != root.inner || again.Name != root.Name {
			t.Errorf("%q is written as %q: %v", body, out.String(), err)
		}
		if _, err := root.value(); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	})
}
