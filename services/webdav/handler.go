package webdav

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/ration"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// Bounds of one call to storage.
const (
	callTimeout = 30 * time.Second // to read
	// To change something may take long: storage makes one change after the other, and that of
	// a large tree, or bringing a large file to disk, takes its time. How long is worth
	// waiting is for whoever waits to say: the request's context ends with them.
	changeTimeout = 30 * time.Minute
)

// allowed are the methods that OPTIONS lists.
const allowed = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK"

// handler answers WebDAV requests whose token was verified.
type handler struct {
	storage  storageapi.StorageService
	content  *descriptor.Client
	previews *thumbnailsapi.Client
	listings *ration.Larder // the memory of large ones
	patience time.Duration  // how long a read waits for a storage that is being replaced
	log      *logrus.Entry
}

// request is one request with what is known of it.
type request struct {
	*http.Request
	handler *handler
	user    token.Claims
	root    string // the prefix of hrefs: "/remote.php/webdav"
	path    string // the resource, as storage names it
	folder  bool   // the URL ended in a slash
}

// methods do the work; an error becomes the answer.
var methods = map[string]func(http.ResponseWriter, *request) error{
	http.MethodOptions: options,
	http.MethodGet:     get,
	http.MethodHead:    head,
	http.MethodPut:     put,
	http.MethodDelete:  remove,
	"MKCOL":            makeCollection,
	"COPY":             copyResource,
	"MOVE":             moveResource,
	"PROPFIND":         propfind,
	"PROPPATCH":        proppatch,
	"LOCK":             lock,
	"UNLOCK":           unlock,
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, _ := token.FromContext(r.Context())
	if user.Subject == "" {
		h.fail(w, r, &davError{status: http.StatusUnauthorized, message: "log in first"})
		return
	}
	if collection, ok := isAbove(r.URL.Path); ok {
		h.serveAbove(w, r, user, collection)
		return
	}
	if isTrash(r.URL) {
		h.serveTrash(w, r, user)
		return
	}
	if path, ok := below(r.URL.Path, thumbnailsRoot); ok {
		h.serveThumbnail(w, r, user, path)
		return
	}
	root, path, err := locate(r.URL, user.Username)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	do, ok := methods[r.Method]
	if !ok {
		w.Header().Set("Allow", allowed)
		h.fail(w, r, &davError{status: http.StatusNotImplemented, message: "the method " + r.Method + " is not supported"})
		return
	}
	ctx := token.Outgoing(r.Context(), r.Header.Get(token.Header))
	request := &request{
		Request: r.WithContext(ctx), handler: h, user: user, root: root, path: path,
		folder: strings.HasSuffix(r.URL.Path, "/"),
	}
	if err := do(w, request); err != nil {
		h.fail(w, r, err)
	}
}

// call returns a context for one call to storage that reads.
func (r *request) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), callTimeout)
}

// change returns a context for one call to storage that changes something.
func (r *request) change() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), changeTimeout)
}

func options(w http.ResponseWriter, _ *request) error { return offer(w, allowed) }

// offer answers OPTIONS.
func offer(w http.ResponseWriter, allowed string) error {
	header := w.Header()
	header.Set("Allow", allowed)
	header.Set("DAV", "1, 2, 3")
	header.Set("MS-Author-Via", "DAV")
	header.Set("Accept-Ranges", "bytes")
	w.WriteHeader(http.StatusOK)
	return nil
}

// describe sets the headers about a resource that clients keep.
func describe(header http.Header, entry *storageapi.Entry) {
	header.Set("ETag", `"`+entry.Etag+`"`)
	header.Set("OC-ETag", `"`+entry.Etag+`"`)
	header.Set("OC-FileId", entry.Id)
}

// written is the status of a write.
func written(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusNoContent
}
