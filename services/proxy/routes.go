package proxy

import (
	"net/http"
	"strings"
)

// The services behind the proxy.
const (
	serviceUsers    = "users"
	serviceWebDAV   = "webdav"
	serviceFrontend = "frontend"
	serviceWeb      = "web"
)

// routes says which service answers below which path; the first that fits counts.
var routes = []struct {
	prefix  string // ends with a slash; the path without it fits too
	service string
}{
	{"/remote.php/", serviceWebDAV},
	{"/webdav/", serviceWebDAV},
	{"/dav/", serviceWebDAV},
	{"/thumbnails/", serviceWebDAV}, // who checks what the user may see
	{"/status.php/", serviceFrontend},
	{"/ocs/", serviceFrontend},
	{"/", serviceWeb},
}

// route returns the service that answers for a path.
func route(path string) string {
	for _, r := range routes {
		if strings.HasPrefix(path, r.prefix) || path == r.prefix[:len(r.prefix)-1] {
			return r.service
		}
	}
	return serviceWeb
}

// isPublic tells whether a request is answered without a login: what clients ask before
// they have one, and the start page. Only reading is public, and only what is named here.
func isPublic(method, path string) bool {
	if method != http.MethodGet && method != http.MethodHead {
		return false
	}
	switch path {
	case "/", "/status.php", "/favicon.ico",
		"/ocs/v1.php/cloud/capabilities", "/ocs/v2.php/cloud/capabilities":
		return true
	}
	return false
}
