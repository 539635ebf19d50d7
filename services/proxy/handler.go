package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/accesslog"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/login"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/upstream"
)

// handler takes people's requests: identify, authenticate, forward, log.
type handler struct {
	logins    *login.Authenticator
	anonymous *login.Passport
	forwarder *upstream.Forwarder
	access    *accesslog.Log
	ids       *requestIDs
	crossSite *http.CrossOriginProtection
	behind    bool          // another proxy is in front
	stall     time.Duration // how long a client may send or take nothing at all
	log       *logrus.Entry
}

// challenge asks for a login (RFC 7617 section 2.1).
const challenge = `Basic realm="ownCloud", charset="UTF-8"`

// exchange is one request with what became of it.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	content *upstream.Content
	stall   time.Duration
	entry   accesslog.Entry
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	upstream.RenewDeadline(w, r, h.stall) // the one of the connection's last request may be over
	x := &exchange{w: w, r: r, content: upstream.NewContent(w, r, h.stall), stall: h.stall, entry: accesslog.Entry{
		At: began, Method: r.Method, Path: r.URL.Path, Remote: clientAddress(r, h.behind), RequestID: h.ids.of(r), Aborted: true,
	}}
	w.Header()[headerRequestID] = []string{x.entry.RequestID}
	// Also when the response is cut off by a panic.
	defer func() {
		x.entry.Received = x.content.Received()
		x.entry.Duration = time.Since(began)
		h.access.Add(x.entry)
	}()
	h.serve(x)
	x.entry.Aborted = false
}

func (h *handler) serve(x *exchange) {
	if x.r.Method == http.MethodConnect || x.r.URL.Path == "" || x.r.URL.Path[0] != '/' {
		x.refuse(http.StatusBadRequest, "only requests for a path are answered")
		return
	}
	if headerSize(x.r) > maxHeader {
		x.refuse(http.StatusRequestHeaderFieldsTooLarge, "the request's header is too large")
		return
	}
	// A login that a browser remembers must not work for other sites' pages.
	if err := h.crossSite.Check(x.r); err != nil {
		x.refuse(http.StatusForbidden, "requests from other sites' pages may not change anything")
		return
	}
	passport, err := h.identify(x)
	if err != nil {
		h.refuseLogin(x, err)
		return
	}
	x.entry.User = passport.Claims.Username
	if err := x.content.Prepare(); err != nil {
		x.refuse(contentStatus(err), "the request's content did not come as announced")
		return
	}
	service := route(x.r.URL.Path)
	x.entry.Upstream = service
	out, err := h.outgoing(x, passport)
	if err != nil {
		h.log.WithError(err).Error("cannot sign an internal token")
		x.refuse(http.StatusInternalServerError, "internal error")
		return
	}
	response, err := h.forwarder.Send(x.r.Context(), out, service, x.content)
	if err != nil {
		h.refuseBroken(x, service, err)
		return
	}
	h.forwarder.Resume(x.r.Context(), response, service, x.content, func() (*http.Request, error) { return h.outgoing(x, passport) })
	h.deliver(x, response)
}

// errNoLogin says that a request came without a name and a password.
var errNoLogin = errors.New("no login was sent")

// identify finds out who makes the request.
func (h *handler) identify(x *exchange) (*login.Passport, error) {
	if isPublic(x.r.Method, x.r.URL.Path) {
		return h.anonymous, nil
	}
	username, password, ok := x.r.BasicAuth()
	if !ok {
		return nil, errNoLogin
	}
	return h.logins.Authenticate(x.r.Context(), username, password, x.entry.Remote)
}

func (h *handler) refuseLogin(x *exchange, err error) {
	switch {
	case errors.Is(err, errNoLogin), errors.Is(err, login.ErrWrong):
		x.w.Header().Set("WWW-Authenticate", challenge)
		x.refuse(http.StatusUnauthorized, err.Error())
	case errors.Is(err, login.ErrLimited):
		x.w.Header().Set("Retry-After", "5")
		x.refuse(http.StatusTooManyRequests, err.Error())
	default:
		h.log.WithError(err).Warn("a login could not be verified")
		x.w.Header().Set("Retry-After", "1")
		x.refuse(http.StatusServiceUnavailable, "logins cannot be verified at the moment: try again")
	}
}

// outgoing makes the request that the service behind gets.
func (h *handler) outgoing(x *exchange, passport *login.Passport) (*http.Request, error) {
	sign := passport.Token
	if x.content.IsLong() {
		sign = passport.UploadToken
	}
	text, err := sign()
	if err != nil {
		return nil, err
	}
	header := make(http.Header, len(x.r.Header)+6)
	upstream.CopyEndToEnd(header, x.r.Header)
	delete(header, "Authorization") // the password ends here
	delete(header, "Forwarded")
	header[token.Header] = []string{text}
	header[headerRequestID] = []string{x.entry.RequestID}
	header["X-Forwarded-For"] = []string{x.entry.Remote}
	header["X-Forwarded-Host"] = []string{x.r.Host}
	header["X-Forwarded-Proto"] = forwardedProto[x.r.TLS != nil]
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = nil // keeps net/http from sending its own
	}
	return &http.Request{
		Method: x.r.Method,
		URL:    &url.URL{Path: x.r.URL.Path, RawPath: x.r.URL.RawPath, RawQuery: x.r.URL.RawQuery, ForceQuery: x.r.URL.ForceQuery},
		Header: header,
		Host:   x.r.Host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

var forwardedProto = map[bool][]string{true: {"https"}, false: {"http"}}

func (h *handler) refuseBroken(x *exchange, service string, err error) {
	status, text := http.StatusBadGateway, "does not answer at the moment: try again"
	switch {
	case x.content.ClientError() != nil:
		x.refuse(contentStatus(err), "the request's content did not come as announced")
		return
	case errors.Is(err, context.Canceled):
		x.entry.Status = statusClientGone
		panic(http.ErrAbortHandler)
	case errors.Is(err, upstream.ErrStopped):
		status, text = http.StatusServiceUnavailable, "does not run: it was stopped, or has failed"
	case errors.Is(err, upstream.ErrNotReady):
		status = http.StatusServiceUnavailable
	case errors.Is(err, upstream.ErrLate):
		status = http.StatusGatewayTimeout
	}
	h.log.WithError(err).WithField("request_id", x.entry.RequestID).Warn("no answer from a service")
	x.w.Header().Set("Retry-After", "1")
	x.refuse(status, "the "+service+" service "+text)
}

// statusClientGone stands in the access log when nobody was left to answer.
const statusClientGone = 499

// contentStatus is the answer to content that the client cut off, or stalled.
func contentStatus(err error) int {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

func (h *handler) deliver(x *exchange, response *http.Response) {
	delete(response.Header, token.Header)
	response.Header[headerRequestID] = []string{x.entry.RequestID}
	x.entry.Status = response.StatusCode
	var err error
	if x.entry.Sent, err = upstream.Deliver(x.w, x.r, response, h.stall); err != nil {
		h.log.WithError(err).WithField("request_id", x.entry.RequestID).Info("a response was cut off")
		panic(http.ErrAbortHandler)
	}
}

// refuse answers by the proxy itself, in one line.
func (x *exchange) refuse(status int, text string) {
	x.entry.Status = status
	header := x.w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	upstream.RenewDeadline(x.w, x.r, x.stall)
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		n, _ := x.w.Write([]byte(text + "\n")) // a client that is gone needs no answer
		x.entry.Sent = int64(n)
	}
}
