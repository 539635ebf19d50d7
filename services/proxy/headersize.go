package proxy

import "net/http"

const (
	// maxHeader is how large the header of a request may be: as large as the services behind
	// take it.
	maxHeader = 64 << 10
	// readHeader is how much of one is read. Over HTTP/2 net/http answers nothing to what is
	// larger, but closes the connection, with all other requests on it.
	readHeader = 4 * maxHeader
)

// headerSize counts as HTTP/2 does (RFC 9113, section 6.5.2).
func headerSize(r *http.Request) int {
	const perField = 32
	size := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + perField
		}
	}
	return size
}
