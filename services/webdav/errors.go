package webdav

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sirupsen/logrus"
	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
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
	http.StatusUnprocessableEntity:  "UnprocessableEntity",
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
	var theirs *microerrors.Error
	switch failure := failureOf(err); {
	case failure == microservice.WentAway:
		h.blame(r, err, logrus.WarnLevel, "storage is not there")
		return &davError{status: http.StatusServiceUnavailable, message: "the storage is being restarted; try again"}
	case failure == microservice.Stopped:
		h.blame(r, err, logrus.WarnLevel, "storage does not run")
		return &davError{status: http.StatusServiceUnavailable, message: "the storage does not run: it was stopped, or has failed"}
	case failure == microservice.Late:
		h.blame(r, err, logrus.WarnLevel, "storage took too long")
		return errLate
	case !errors.As(err, &theirs), theirs.Id != storageName:
		h.blame(r, err, logrus.ErrorLevel, "a request failed")
		return &davError{status: http.StatusInternalServerError, message: "the request failed; the log of webdav says why"}
	}
	switch {
	case theirs.Code == http.StatusRequestTimeout: // its context ended first
		return errLate
	case theirs.Code == http.StatusLocked:
		return locked(r, theirs.Detail)
	case theirs.Code < 400 || theirs.Code > 599:
		return &davError{status: http.StatusInternalServerError, message: theirs.Detail}
	}
	return &davError{status: int(theirs.Code), message: theirs.Detail}
}

// locked names the resource whose lock is in the way (RFC 4918, sections 9.10.6 and 16).
func locked(r *http.Request, detail string) *davError {
	e := &davError{status: http.StatusLocked, message: detail, precondition: "lock-token-submitted", href: escape(r.URL.Path)}
	path, conflict, ok := storageapi.LockedPath(detail)
	if conflict {
		e.precondition = "no-conflicting-lock"
	}
	user, _ := token.FromContext(r.Context())
	target := r.URL
	if isTrash(target) { // what is in the trash has no locks, only the place to which it goes back
		target = &url.URL{}
		if destination, err := url.Parse(r.Header.Get("Destination")); err == nil {
			target = destination
		}
	}
	if root, _, err := locate(target, user.Username); ok && err == nil {
		e.href = href(root, path, false)
	}
	return e
}

// errLate is no 408: that would be about the client's request (RFC 9110, section 15.5.9).
var errLate = &davError{status: http.StatusGatewayTimeout, message: "the storage took too long; look what became of it before you try again"}

// blame logs why a request failed, unless its client has gone.
func (h *handler) blame(r *http.Request, err error, level logrus.Level, what string) {
	if r.Context().Err() == nil {
		h.log.WithError(err).WithField("path", r.URL.Path).Log(level, what)
	}
}
