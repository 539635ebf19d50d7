package webdav

import (
	"context"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// above are the collections above what users have, with what is in them. They hold nothing
// but the way down: clients ask there whether this is a server for them, and for whom.
// There are no spaces, which is what their collection says.
var above = map[string][]string{
	"/remote.php/dav":           {"files", "spaces", "trash-bin"},
	"/remote.php/dav/files":     {ownName},
	"/remote.php/dav/spaces":    nil,
	"/remote.php/dav/trash-bin": {ownName},
	"/dav":                      {"files", "trash-bin"},
	"/dav/files":                {ownName},
	"/dav/trash-bin":            {ownName},
}

// ownName stands for the name of whoever asks.
const ownName = ""

// allowedAbove are the methods of collections that nobody can change.
const allowedAbove = "OPTIONS, PROPFIND"

// aboveProps are the live properties of a collection that nothing is stored about.
var aboveProps = map[xml.Name]bool{resourceType: true, dav("displayname"): true}

// isAbove tells whether a path is one of the collections above, and which.
func isAbove(path string) (collection string, ok bool) {
	collection = strings.TrimSuffix(path, "/")
	_, ok = above[collection]
	return collection, ok
}

// serveAbove answers a request for a collection above.
func (h *handler) serveAbove(w http.ResponseWriter, r *http.Request, user token.Claims, collection string) {
	ctx := token.Outgoing(r.Context(), r.Header.Get(token.Header))
	request := &request{Request: r.WithContext(ctx), handler: h, user: user, root: collection, path: "/", folder: true}
	var err error
	switch r.Method {
	case http.MethodOptions:
		err = offer(w, allowedAbove)
	case "PROPFIND":
		err = request.propfindAbove(w)
	default:
		w.Header().Set("Allow", allowedAbove)
		err = &davError{status: http.StatusMethodNotAllowed, message: "this collection only leads to others"}
	}
	if err != nil {
		h.fail(w, r, err)
	}
}

func (r *request) propfindAbove(w http.ResponseWriter) error {
	depth, query, err := r.question()
	if err != nil {
		return err
	}
	resources := []*resource{r.aboveResource("/")}
	if depth == "1" {
		for _, name := range above[r.root] {
			child, err := r.belowAbove(name)
			if err != nil {
				return err
			}
			resources = append(resources, child)
		}
	}
	answer(w, query, slices.Values(resources))
	return nil
}

// belowAbove describes what is in a collection above under a name.
func (r *request) belowAbove(name string) (*resource, error) {
	switch {
	case name != ownName:
		return r.aboveResource("/" + name), nil
	case !strings.HasSuffix(r.root, "/files"):
		return r.aboveResource("/" + r.user.Username), nil
	}
	entry, err := read(r, func(ctx context.Context) (*storageapi.Entry, error) {
		return r.handler.storage.Stat(ctx, &storageapi.StatRequest{Path: "/"})
	})
	own := *r
	own.root += "/" + escape(r.user.Username)
	return &resource{request: &own, Entry: entry}, err
}

// aboveResource is a collection that nothing is stored about.
func (r *request) aboveResource(path string) *resource {
	return &resource{request: r, Entry: &storageapi.Entry{Path: path, Type: storageapi.Type_TYPE_DIRECTORY}}
}
