package upstream

import (
	"net/http"
	"net/textproto"
	"strings"
)

// hopByHop are headers about one connection (RFC 9110 section 7.6.1), those about when to
// send content, and trailers and upgrades, which no service of the family uses.
var hopByHop = map[string]bool{
	"Connection":          true,
	"Expect":              true,
	"Keep-Alive":          true,
	"Proxy-Authenticate":  true,
	"Proxy-Authorization": true,
	"Proxy-Connection":    true,
	"Te":                  true,
	"Trailer":             true,
	"Transfer-Encoding":   true,
	"Upgrade":             true,
}

// CopyEndToEnd adds to dst what in src is meant for the other end. A value is shared with
// src: change dst by replacing values only.
func CopyEndToEnd(dst, src http.Header) {
	for name, values := range src {
		if !hopByHop[name] {
			dst[name] = values
		}
	}
	for _, list := range src["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(dst, textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)))
		}
	}
}
