package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync/atomic"
)

const (
	headerRequestID = "X-Request-Id"
	maxRequestID    = 64
)

// requestIDs makes ids that no other process makes.
type requestIDs struct {
	prefix string
	last   atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var random [8]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return &requestIDs{prefix: hex.EncodeToString(random[:]) + "-"}
}

// of returns the id that the client gave its request, or a new one when it gave none that
// can stand in a log and a header.
func (ids *requestIDs) of(r *http.Request) string {
	if given := r.Header[headerRequestID]; len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return ids.prefix + strconv.FormatUint(ids.last.Add(1), 16)
}

func isRequestID(id string) bool {
	if len(id) == 0 || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
