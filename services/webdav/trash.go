package webdav

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// The trash-bin of ownCloud: a folder of what was deleted, each thing under the id that
// storage gives it. To move one to the user's files restores it, to delete it purges it.
// What is inside of a deleted folder has no address of its own.

// trashRoots are the prefixes below which a user's name, and then the trash, follow.
var trashRoots = []string{"/remote.php/dav/trash-bin", "/dav/trash-bin"}

const trashAllowed = "OPTIONS, PROPFIND, MOVE, DELETE"

// trashMethods do the work; item is empty for the trash as a whole.
var trashMethods = map[string]func(w http.ResponseWriter, r *request, item string) error{
	http.MethodOptions: func(w http.ResponseWriter, _ *request, _ string) error { return offer(w, trashAllowed) },
	"PROPFIND":         listTrash,
	"MOVE":             restore,
	http.MethodDelete:  purge,
}

func isTrash(u *url.URL) bool {
	return slices.ContainsFunc(trashRoots, func(root string) bool { _, ok := below(u.Path, root); return ok })
}

// locateTrash splits a URL that isTrash into the prefix of hrefs and the item's id.
func locateTrash(u *url.URL, username string) (root, item string, err error) {
	for _, candidate := range trashRoots {
		rest, ok := below(u.Path, candidate)
		if !ok {
			continue
		}
		name, item, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		if item = strings.TrimSuffix(item, "/"); strings.EqualFold(name, username) && !strings.Contains(item, "/") {
			return candidate + "/" + escape(name), item, nil
		}
	}
	return "", "", &davError{status: http.StatusNotFound, message: "there is no such trash"}
}

// serveTrash answers a request whose address isTrash.
func (h *handler) serveTrash(w http.ResponseWriter, r *http.Request, user token.Claims) {
	root, item, err := locateTrash(r.URL, user.Username)
	do, ok := trashMethods[r.Method]
	switch {
	case err != nil:
	case !ok:
		w.Header().Set("Allow", trashAllowed)
		err = &davError{status: http.StatusMethodNotAllowed, message: "what is in the trash can be listed, moved back and deleted"}
	default:
		ctx := token.Outgoing(r.Context(), r.Header.Get(token.Header))
		err = do(w, &request{Request: r.WithContext(ctx), handler: h, user: user, root: root, path: elsewhere}, item)
	}
	if err != nil {
		h.fail(w, r, err)
	}
}

// listTrash answers with the trash and, unless the depth is 0, what is in it; or with one
// item.
func listTrash(w http.ResponseWriter, r *request, item string) error {
	depth := r.Header.Get("Depth")
	switch depth {
	case "0", "1", "", "infinity", "Infinity": // it is as flat as it is listed
	default:
		return &davError{status: http.StatusBadRequest, message: "Depth is 0 or 1"}
	}
	query, err := r.query()
	if err != nil {
		return err
	}
	if query.all {
		query.props = append(query.props, trashProperties...)
	}
	var page *storageapi.ListTrashResponse
	if item != "" || depth != "0" {
		if page, err = r.trashPage(&storageapi.ListTrashRequest{Id: item}); err != nil {
			return err
		}
	}
	answer(w, query, func(yield func(*resource) bool) {
		if item == "" && !yield(r.aboveResource("/")) {
			return
		}
		for ; page != nil; page = r.nextTrashPage(page) {
			for _, trashed := range page.Items {
				if !yield(&resource{Entry: trashed.Entry, request: r, trashed: trashed}) {
					return
				}
			}
		}
	})
	return nil
}

// trashPage reads one item, or some of the trash, newest first.
func (r *request) trashPage(page *storageapi.ListTrashRequest) (*storageapi.ListTrashResponse, error) {
	return read(r, func(ctx context.Context) (*storageapi.ListTrashResponse, error) {
		return r.handler.storage.ListTrash(ctx, page)
	})
}

// nextTrashPage reads on while the answer is being sent, so that a large trash is not in
// memory as a whole; nil: there is no more. An answer that cannot go on is cut off.
func (r *request) nextTrashPage(page *storageapi.ListTrashResponse) *storageapi.ListTrashResponse {
	if !page.More {
		return nil
	}
	next, err := r.trashPage(&storageapi.ListTrashRequest{After: page.Items[len(page.Items)-1].Id})
	if err != nil {
		r.handler.blame(r.Request, err, logrus.WarnLevel, "a listing of the trash was cut off")
		panic(http.ErrAbortHandler)
	}
	return next
}

// restore moves an item back to the user's files.
func restore(w http.ResponseWriter, r *request, item string) error {
	if item == "" {
		return &davError{status: http.StatusForbidden, message: "the trash stays where it is; move what is in it"}
	}
	to, err := r.relocation()
	if err != nil {
		return err
	}
	return r.relocate(w, func(ctx context.Context) (*storageapi.WriteResponse, error) {
		return r.handler.storage.RestoreTrash(ctx, &storageapi.RestoreTrashRequest{
			Id: item, Destination: to.destination, Overwrite: to.overwrite, Conditions: to.conditions,
		})
	})
}

// purge removes an item, or all, for good.
func purge(w http.ResponseWriter, r *request, item string) error {
	ctx, cancel := r.change()
	defer cancel()
	if _, err := r.handler.storage.PurgeTrash(ctx, &storageapi.PurgeTrashRequest{Id: item}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// trashProperties are what only things in the trash have, as ownCloud's clients ask for it.
var trashProperties = []xml.Name{trashFilename, trashLocation, trashTimestamp, trashDatetime}

var (
	trashFilename  = oc("trashbin-original-filename")
	trashLocation  = oc("trashbin-original-location") // without the first slash
	trashTimestamp = oc("trashbin-delete-timestamp")  // seconds since 1970
	trashDatetime  = oc("trashbin-delete-datetime")
)

// trashValue is the value of a property that only things in the trash have.
func trashValue(value func(*storageapi.TrashItem) string) property {
	return func(m *multistatus, r *resource) bool {
		if r.trashed == nil {
			return false
		}
		m.text(value(r.trashed))
		return true
	}
}
