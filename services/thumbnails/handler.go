package thumbnails

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
)

// handler answers thumbnailsapi.Client: GET for a preview that is there, POST with the
// picture's content. Everything has been checked that is about users.
type handler struct {
	maker *maker
	log   *logrus.Entry
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	preview, err := h.answer(r)
	var refusal *thumbnailsapi.Refusal
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/octet-stream") // the client looks for itself
		w.Header().Set("Content-Length", strconv.Itoa(len(preview)))
		_, _ = w.Write(preview) // whoever asked may be gone
	case errors.As(err, &refusal):
		http.Error(w, refusal.Reason, refusal.Status)
	default:
		h.log.WithError(err).Error("a preview could not be made")
		http.Error(w, "a preview could not be made: the log of thumbnails says why", http.StatusServiceUnavailable)
	}
}

func (h *handler) answer(r *http.Request) ([]byte, error) {
	if user, _ := token.FromContext(r.Context()); user.Subject == "" {
		return nil, &thumbnailsapi.Refusal{Status: http.StatusForbidden, Reason: "previews are made for users"}
	}
	key, err := thumbnailsapi.ParseKey(r.URL.Path)
	if err != nil {
		return nil, &thumbnailsapi.Refusal{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	mode, err := thumbnailsapi.ParseMode(r.URL.Query())
	if err != nil {
		return nil, &thumbnailsapi.Refusal{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	switch r.Method {
	case http.MethodGet:
		return h.maker.known(key, mode)
	case http.MethodPost:
		return h.maker.make(r.Context(), key, mode, r.Body, r.ContentLength)
	}
	return nil, &thumbnailsapi.Refusal{Status: http.StatusMethodNotAllowed, Reason: "only GET and POST are served here"}
}
