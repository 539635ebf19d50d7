package webdav

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	microerrors "go-micro.dev/v4/errors"
)

// davError is an answer that is not a success.
type davError struct {
	status       int
	message      string
	precondition string // the name of a DAV: element (RFC 4918, section 16)
	href         string // inside of precondition
}

// Error implements error.
func (e *davError) Error() string { return e.message }

// exceptions are the names under which ownCloud clients know errors.
var exceptions = map[int]string{
	http.StatusBadRequest:           "BadRequest",
	http.StatusUnauthorized:         "NotAuthenticated",
	http.StatusForbidden:            "Forbidden",
	http.StatusNotFound:             "NotFound",
	http.StatusMethodNotAllowed:     "MethodNotAllowed",
	http.StatusConflict:             "Conflict",
	http.StatusPreconditionFailed:   "PreconditionFailed",
	http.StatusUnsupportedMediaType: "UnsupportedMediaType",
	http.StatusLocked:               "Locked",
	http.StatusNotImplemented:       "NotImplemented",
	http.StatusServiceUnavailable:   "ServiceUnavailable",
	http.StatusInsufficientStorage:  "InsufficientStorage",
}

// fail answers with an error.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := h.asDAV(r, err)
	header := w.Header()
	header.Del("ETag")
	header.Set("Content-Type", "application/xml; charset=utf-8")
	if answer.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "1")
	}
	if answer.status == http.StatusMethodNotAllowed && header.Get("Allow") == "" {
		header.Set("Allow", allowed)
	}
	w.WriteHeader(answer.status)
	if r.Method == http.MethodHead {
		return
	}
	exception := exceptions[answer.status]
	if exception == "" {
		exception = "Exception"
	}
	var body strings.Builder
	body.WriteString(xml.Header + `<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">`)
	if answer.precondition != "" {
		body.WriteString("<d:" + answer.precondition + ">")
		if answer.href != "" {
			body.WriteString("<d:href>" + answer.href + "</d:href>")
		}
		body.WriteString("</d:" + answer.precondition + ">")
	}
	body.WriteString(`<s:exception>Sabre\DAV\Exception\` + exception + "</s:exception><s:message>")
	_ = xml.EscapeText(&body, []byte(answer.message)) // a Builder takes everything
	body.WriteString("</s:message></d:error>\n")
	_, _ = w.Write([]byte(body.String())) // the client may be gone
}

// asDAV gives an error of storage, or of ours, its status.
func (h *handler) asDAV(r *http.Request, err error) *davError {
	var ours *davError
	if errors.As(err, &ours) {
		return ours
	}
	if wentAway(err) {
		if r.Context().Err() == nil {
			h.log.WithError(err).WithField("path", r.URL.Path).Warn("storage is not there")
		}
		return &davError{status: http.StatusServiceUnavailable, message: "the storage is being restarted; try again"}
	}
	var theirs *microerrors.Error
	if !errors.As(err, &theirs) {
		if r.Context().Err() == nil {
			h.log.WithError(err).WithField("path", r.URL.Path).Error("a request failed")
		}
		return &davError{status: http.StatusInternalServerError, message: "the request failed; the log of webdav says why"}
	}
	switch {
	case theirs.Code == http.StatusLocked:
		return &davError{status: http.StatusLocked, message: theirs.Detail, precondition: "lock-token-submitted", href: escape(r.URL.Path)}
	case theirs.Code < 400 || theirs.Code > 599:
		return &davError{status: http.StatusInternalServerError, message: theirs.Detail}
	}
	return &davError{status: int(theirs.Code), message: theirs.Detail}
}
