package webdav

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// thumbnailsRoot is where every address of a file's path is that of its preview.
const thumbnailsRoot = "/thumbnails"

// wantsPreview tells whether the request is for a preview of the file, as ownCloud's clients
// ask for one.
func (r *request) wantsPreview() bool {
	return r.URL.RawQuery != "" && r.URL.Query().Get("preview") == "1"
}

// serveThumbnail answers a request below thumbnailsRoot.
func (h *handler) serveThumbnail(w http.ResponseWriter, r *http.Request, user token.Claims, rest string) {
	path, err := clean(rest)
	switch {
	case err != nil:
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		err = &davError{status: http.StatusMethodNotAllowed, message: "previews can only be read"}
	default:
		ctx := token.Outgoing(r.Context(), r.Header.Get(token.Header))
		err = preview(w, &request{Request: r.WithContext(ctx), handler: h, user: user, root: thumbnailsRoot, path: path})
	}
	if err != nil {
		h.fail(w, r, err)
	}
}

// errNoPreview is 404, which is how clients know that they have to draw an icon.
var errNoPreview = &davError{status: http.StatusNotFound, message: "there are no previews of such files"}

// preview answers with a preview of the file, whoever may read which gets it. The content
// is touched only when there is no preview of it yet.
func preview(w http.ResponseWriter, r *request) error {
	mode, err := thumbnailsapi.ParseMode(r.URL.Query())
	if err != nil {
		return &davError{status: http.StatusBadRequest, message: err.Error()}
	}
	conditions, err := r.ifHeader()
	if err != nil {
		return err
	}
	entry, err := r.stat(conditions)
	if err != nil {
		return err
	}
	key, err := pictureOf(entry)
	if err != nil {
		return err
	}
	if etag := thumbnailsapi.Etag(key, mode); r.has(etag) {
		describePreview(w.Header(), etag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	made, err := r.handler.previews.Cached(r.Context(), r.Header.Get(token.Header), key, mode)
	var refusal *thumbnailsapi.Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		entry, made, err = r.makePreview(mode, conditions)
	}
	if err != nil {
		return r.withoutPreview(err)
	}
	return servePreview(w, r, entry, mode, made)
}

// pictureOf returns the name of a file's content, if there may be a preview of it.
func pictureOf(entry *storageapi.Entry) (thumbnailsapi.Key, error) {
	key, ok := thumbnailsapi.KeyOf(entry.GetChecksums().GetSha1())
	if entry.GetType() != storageapi.Type_TYPE_FILE || !ok || entry.Size > thumbnailsapi.MaxContent {
		return "", errNoPreview
	}
	return key, nil
}

// has tells whether the client has what the etag names (RFC 9110, section 13.1.2).
func (r *request) has(etag string) bool {
	tags := etags(r.Header.Values("If-None-Match"), false)
	return slices.Contains(tags, etag) || slices.Contains(tags, "*")
}

// makePreview has a preview made of the present content.
func (r *request) makePreview(mode thumbnailsapi.Mode, conditions *storageapi.Conditions) (*storageapi.Entry, thumbnailsapi.Preview, error) {
	found, err := read(r, func(ctx context.Context) (opened, error) { return r.open(ctx, conditions) })
	if err != nil {
		return nil, thumbnailsapi.Preview{}, err
	}
	if found.file != nil {
		defer found.file.Close()
	}
	key, err := pictureOf(found.entry)
	if err != nil {
		return nil, thumbnailsapi.Preview{}, err
	}
	picture := io.NewSectionReader(found.content, 0, int64(found.entry.Size))
	head := make([]byte, thumbnailsapi.HeadBytes)
	n, err := picture.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, thumbnailsapi.Preview{}, err
	}
	if thumbnailsapi.KindOf(head[:n]) == "" {
		return nil, thumbnailsapi.Preview{}, errNoPreview
	}
	made, err := r.handler.previews.Make(r.Context(), r.Header.Get(token.Header), key, mode, picture, picture.Size())
	return found.entry, made, err
}

// withoutPreview says why there is none.
func (r *request) withoutPreview(err error) error {
	var refusal *thumbnailsapi.Refusal
	switch {
	case errors.Is(err, thumbnailsapi.ErrAway):
		r.handler.blame(r.Request, err, logrus.WarnLevel, "thumbnails is not there")
		return &davError{status: http.StatusServiceUnavailable, message: "there are no previews at the moment; try again"}
	case !errors.As(err, &refusal):
		return err
	}
	switch refusal.Status {
	case http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge:
		return errNoPreview
	case http.StatusUnprocessableEntity, http.StatusServiceUnavailable:
		return &davError{status: refusal.Status, message: refusal.Reason}
	}
	r.handler.blame(r.Request, err, logrus.ErrorLevel, "thumbnails refused to make a preview")
	return &davError{status: http.StatusInternalServerError, message: "the preview could not be made; the log of webdav says why"}
}

func describePreview(header http.Header, etag string) {
	header.Set("ETag", `"`+etag+`"`)
	header.Set("Cache-Control", "private, no-cache") // to be kept, and asked for again: the file may change
}

func servePreview(w http.ResponseWriter, r *request, entry *storageapi.Entry, mode thumbnailsapi.Mode, made thumbnailsapi.Preview) error {
	key, err := pictureOf(entry)
	if err != nil {
		return err
	}
	header := w.Header()
	describePreview(header, thumbnailsapi.Etag(key, mode))
	header.Set("Content-Type", made.ContentType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'")
	http.ServeContent(w, r.Request, "", time.Unix(0, entry.MtimeUnixNano), bytes.NewReader(made.Content))
	return nil
}
