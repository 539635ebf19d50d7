package upstream

import "net/http"

// failure is what is known after an attempt that got no response.
type failure struct {
	method     string
	sent       bool // some of the request went out, or may have
	complete   bool // all of it may have: it may have been carried out
	canRepeat  bool // the content is still there
	clientGone bool // nobody waits for the answer
	late       bool // the instance had its time and did not answer
	expired    bool // it was tried for long enough
	broken     int  // so many attempts, with this one, ended while an instance worked on them
}

// maxBroken is how many instances may end while they work on a request: with as many it is
// likely that they die of it, and the next one would, too.
const maxBroken = 5

// begun tells whether an instance had all of the request, and so may have worked on it.
func (f failure) begun() bool { return f.sent && f.complete }

// again decides whether a request is sent again.
func (f failure) again() bool {
	switch {
	case f.clientGone, f.late, !f.canRepeat, f.expired:
		return false
	case !f.begun():
		return true
	default:
		return isSafe(f.method) && f.broken < maxBroken
	}
}

// isSafe tells whether a method changes nothing (RFC 9110 section 9.2.1, RFC 4918
// section 9.1, RFC 3253 section 3.6).
func isSafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND", "REPORT":
		return true
	}
	return false
}
