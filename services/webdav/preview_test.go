package webdav

import (
	"context"
	"crypto/sha1"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go-micro.dev/v4/client"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// What looks like a picture and a preview is enough here.
var (
	aPicture = "\x89PNG\r\n\x1a\n and so on"
	aPreview = "\xff\xd8\xff\xe0 and so on"
)

// thumbnails is a service that makes previews of everything.
type thumbnails struct {
	t      *testing.T
	asked  []string // method and query
	known  map[string]bool
	refuse int
}

func (s *thumbnails) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.Method+" "+r.URL.RawQuery)
	content, _ := io.ReadAll(r.Body)
	name := r.URL.Path + "?" + r.URL.RawQuery
	switch {
	case s.refuse != 0:
		http.Error(w, "because", s.refuse)
		return
	case r.Method == http.MethodGet && !s.known[name]:
		http.Error(w, "not yet", http.StatusNotFound)
		return
	case r.Method == http.MethodPost && string(content) != aPicture:
		s.t.Errorf("the content is %q", content)
	}
	s.known[name] = true
	_, _ = io.WriteString(w, aPreview)
}

// client serves s and returns a client that finds it.
func (s *thumbnails) client() *thumbnailsapi.Client {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "webdav") // t.TempDir is too long for a socket
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	directory := registry.NewDirectory()
	directory.Apply(registry.Document{Writer: "test", Nodes: []plugins.Registration{{Service: thumbnailsapi.Service, NodeID: "thumbnails-1", Address: "unix:" + path}}})
	client := thumbnailsapi.NewClient(directory)
	s.t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client
}

// gallery is alice's files, with pictures.
type gallery struct {
	t        *testing.T
	storage  *fakeStorage
	service  *thumbnails
	previews *thumbnailsapi.Client
}

func newGallery(t *testing.T) *gallery {
	g := &gallery{t: t, storage: aliceFiles(), service: &thumbnails{t: t, known: map[string]bool{}}}
	g.add("/p.png", aPicture)
	g.add("/a & b/p.png", aPicture)
	g.add("/text.png", "no picture at all")
	g.storage.entries["/huge.png"] = &storageapi.Entry{Path: "/huge.png", Type: storageapi.Type_TYPE_FILE, Size: thumbnailsapi.MaxContent + 1, Checksums: &storageapi.Checksums{Sha1: make([]byte, 20)}}
	g.previews = g.service.client()
	return g
}

func (g *gallery) add(path, content string) {
	sum := sha1.Sum([]byte(content))
	g.storage.entries[path] = &storageapi.Entry{
		Id: path, Path: path, Type: storageapi.Type_TYPE_FILE, Etag: "e", Size: uint64(len(content)),
		MtimeUnixNano: 1e18, Checksums: &storageapi.Checksums{Sha1: sum[:]},
	}
	g.storage.content[path] = []byte(content)
}

// do sends a request as alice.
func (g *gallery) do(method, target string, header ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	request := httptest.NewRequest(method, "http://cloud.example.org"+target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	request = request.WithContext(token.NewContext(request.Context(), alice))
	log, _ := test.NewNullLogger()
	recorder := httptest.NewRecorder()
	(&handler{storage: g.storage, previews: g.previews, patience: registry.Patience, log: logrus.NewEntry(log)}).ServeHTTP(recorder, request)
	return recorder
}

func TestEveryAddressOfAFileHasItsPreview(t *testing.T) {
	for _, target := range []string{
		"/remote.php/webdav/p.png?preview=1", "/webdav/p.png?preview=1", "/remote.php/dav/files/alice/p.png?preview=1",
		"/dav/files/alice/a%20%26%20b/p.png?preview=1&c=123&forceIcon=0", "/thumbnails/p.png", "/thumbnails/a%20%26%20b/p.png",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			answer := newGallery(t).do(method, target)
			header := answer.Header()
			if answer.Code != http.StatusOK || header.Get("Content-Type") != "image/jpeg" || header.Get("Cache-Control") != "private, no-cache" ||
				header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Content-Disposition") != "" {
				t.Errorf("%s %s: %d, %v", method, target, answer.Code, header)
			}
			if want := map[string]string{http.MethodGet: aPreview}[method]; answer.Body.String() != want {
				t.Errorf("%s %s: %q", method, target, answer.Body)
			}
		}
	}
}

func TestAContentIsSentOnceForEachPreview(t *testing.T) {
	g := newGallery(t)
	for _, query := range []string{"preview=1", "preview=1&x=64&y=64&a=0&scalingup=1", "preview=1&x=32&y=32"} {
		if answer := g.do(http.MethodGet, home+"/p.png?"+query); answer.Code != http.StatusOK {
			t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
		}
	}
	first, second := thumbnailsapi.Mode{Width: 32, Height: 32}.Query(), thumbnailsapi.Mode{Width: 64, Height: 64, Crop: true, Enlarge: true}.Query()
	want := strings.Join([]string{"GET " + first, "POST " + first, "GET " + second, "POST " + second, "GET " + first}, "\n")
	if got := strings.Join(g.service.asked, "\n"); got != want {
		t.Errorf("asked:\n%s", got)
	}
}

func TestWhoHasAPreviewIsToldSoWithoutAskingAnybody(t *testing.T) {
	g := newGallery(t)
	etag := g.do(http.MethodGet, home+"/p.png?preview=1").Header().Get("ETag")
	g.service.asked = nil
	for _, header := range []string{etag, "W/" + etag, `"other", ` + etag} {
		if answer := g.do(http.MethodGet, home+"/p.png?preview=1", "If-None-Match", header); answer.Code != http.StatusNotModified || answer.Header().Get("ETag") != etag || answer.Body.Len() != 0 {
			t.Errorf("%s: %d %v", header, answer.Code, answer.Header())
		}
	}
	if len(g.service.asked) != 0 {
		t.Errorf("asked: %v", g.service.asked)
	}
	if answer := g.do(http.MethodGet, home+"/p.png?preview=1&x=33", "If-None-Match", etag); answer.Code != http.StatusOK {
		t.Errorf("another size: %d", answer.Code)
	}
	g.add("/p.png", aPicture) // the same content
	if answer := g.do(http.MethodGet, home+"/p.png?preview=1", "If-None-Match", etag); answer.Code != http.StatusNotModified {
		t.Errorf("the same content: %d", answer.Code)
	}
}

func TestWhoMayNotReadAFileMayNotSeeItsPreview(t *testing.T) {
	g := newGallery(t)
	for target, want := range map[string]int{
		home + "/missing.png?preview=1":             http.StatusNotFound,
		"/thumbnails/missing.png":                   http.StatusNotFound,
		"/remote.php/dav/files/bob/p.png?preview=1": http.StatusNotFound,
		"/thumbnails/../../etc/passwd":              http.StatusBadRequest,
		home + "/p.png?preview=1&x=0":               http.StatusBadRequest,
		home + "/p.png?preview=1&y=many":            http.StatusBadRequest,
		"/thumbnails/p.png?x=-1":                    http.StatusBadRequest,
		"/thumbnailsp.png":                          http.StatusNotFound,
	} {
		if answer := g.do(http.MethodGet, target); answer.Code != want {
			t.Errorf("%s: %d", target, answer.Code)
		}
	}
	if len(g.service.asked) != 0 {
		t.Errorf("asked: %v", g.service.asked)
	}
}

func TestThereAreNoPreviewsOfWhatIsNoPicture(t *testing.T) {
	g := newGallery(t)
	for _, target := range []string{home + "/text.png?preview=1", home + "/huge.png?preview=1", home + "/a%20%26%20b/?preview=1", "/thumbnails/", "/thumbnails", home + "/tagged?preview=1"} {
		if answer := g.do(http.MethodGet, target); answer.Code != http.StatusNotFound || !strings.Contains(answer.Body.String(), "no previews") {
			t.Errorf("%s: %d %s", target, answer.Code, answer.Body)
		}
	}
	for _, asked := range g.service.asked {
		if !strings.HasPrefix(asked, http.MethodGet) {
			t.Errorf("the content was sent: %s", asked)
		}
	}
}

func TestEachRefusalOfThumbnailsHasItsOwnAnswer(t *testing.T) {
	for status, check := range map[int]struct {
		want  int
		again bool
	}{
		http.StatusUnsupportedMediaType:  {http.StatusNotFound, false},
		http.StatusUnprocessableEntity:   {http.StatusUnprocessableEntity, false},
		http.StatusServiceUnavailable:    {http.StatusServiceUnavailable, true},
		http.StatusUnauthorized:          {http.StatusInternalServerError, false},
		http.StatusRequestEntityTooLarge: {http.StatusNotFound, false},
	} {
		g := newGallery(t)
		g.service.refuse = status
		answer := g.do(http.MethodGet, home+"/p.png?preview=1")
		if answer.Code != check.want || (answer.Header().Get("Retry-After") != "") != check.again || answer.Header().Get("ETag") != "" {
			t.Errorf("%d becomes %d, %v", status, answer.Code, answer.Header())
		}
	}
}

func TestWithoutThumbnailsThereAreNoPreviewsAndAllElseIsServed(t *testing.T) {
	g := newGallery(t)
	directory := registry.NewDirectory()
	directory.Apply(registry.Document{Writer: "test", Stopped: []string{thumbnailsapi.Service}})
	g.previews = thumbnailsapi.NewClient(directory)
	answer := g.do(http.MethodGet, home+"/p.png?preview=1")
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("%d, %v", answer.Code, answer.Header())
	}
	if answer := g.do(http.MethodGet, home+"/p.png"); answer.Code != http.StatusOK || answer.Body.String() != aPicture {
		t.Errorf("%d", answer.Code)
	}
}

// changing is a storage in which a file changes after it was looked at.
type changing struct {
	*fakeStorage
	change func()
}

func (c *changing) Stat(ctx context.Context, in *storageapi.StatRequest, options ...client.CallOption) (*storageapi.Entry, error) {
	defer c.change()
	return c.fakeStorage.Stat(ctx, in, options...)
}

func TestAPreviewIsOfTheContentThatIsThereWhenItIsMade(t *testing.T) {
	g := newGallery(t)
	sum, _ := thumbnailsapi.KeyOf(g.storage.entries["/p.png"].Checksums.Sha1)
	after := `"` + thumbnailsapi.Etag(sum, thumbnailsapi.Mode{Width: 32, Height: 32}) + `"`
	g.add("/p.png", "not this one")
	request := httptest.NewRequest(http.MethodGet, home+"/p.png?preview=1", nil)
	request = request.WithContext(token.NewContext(request.Context(), alice))
	answer := httptest.NewRecorder()
	storage := &changing{g.storage, func() { g.add("/p.png", aPicture) }}
	(&handler{storage: storage, previews: g.previews, patience: registry.Patience}).ServeHTTP(answer, request)
	if etag := answer.Header().Get("ETag"); answer.Code != http.StatusOK || etag != after || answer.Body.String() != aPreview {
		t.Errorf("%d with %s: %s", answer.Code, etag, answer.Body)
	}
}

func TestPreviewsCanOnlyBeRead(t *testing.T) {
	g := newGallery(t)
	for _, method := range []string{http.MethodPut, http.MethodDelete, "PROPFIND", "MOVE", http.MethodOptions} {
		if answer := g.do(method, "/thumbnails/p.png"); answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, %v", method, answer.Code, answer.Header())
		}
	}
	if answer := g.do("MOVE", home+"/p.png", "Destination", "http://cloud.example.org/thumbnails/q.png"); answer.Code != http.StatusNotFound {
		t.Errorf("a file is moved to a preview: %d", answer.Code)
	}
}
