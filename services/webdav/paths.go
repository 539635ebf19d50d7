package webdav

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// roots are the prefixes below which files are found; a user's name follows where
// named says so.
var roots = []struct {
	prefix string
	named  bool
}{
	{"/remote.php/webdav", false},
	{"/remote.php/dav/files", true},
	{"/webdav", false},
	{"/dav/files", true},
}

// locate splits a URL into the prefix of hrefs and the resource's path.
func locate(u *url.URL, username string) (root, path string, err error) {
	for _, candidate := range roots {
		rest, ok := below(u.Path, candidate.prefix)
		if !ok {
			continue
		}
		root := candidate.prefix
		if candidate.named {
			name, after, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
			if !strings.EqualFold(name, username) {
				return "", "", &davError{status: http.StatusNotFound, message: "there is no such user's folder"}
			}
			root, rest = root+"/"+escape(name), "/"+after
		}
		path, err := clean(rest)
		return root, path, err
	}
	return "", "", &davError{status: http.StatusNotFound, message: "there is nothing at this address"}
}

// below returns what follows a prefix at a segment's border.
func below(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return rest, true
}

// clean returns the path as storage wants it. Segments that mean another place are
// refused, not resolved: no client sends them in good faith.
func clean(path string) (string, error) {
	if !utf8.ValidString(path) || strings.ContainsRune(path, 0) {
		return "", &davError{status: http.StatusBadRequest, message: "names must be UTF-8 without NUL"}
	}
	var out strings.Builder
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			continue
		case ".", "..":
			return "", &davError{status: http.StatusBadRequest, message: `names cannot be "." or ".."`}
		}
		out.WriteByte('/')
		out.WriteString(segment)
	}
	if out.Len() == 0 {
		return "/", nil
	}
	return out.String(), nil
}

// destination reads the target of COPY and MOVE (RFC 4918, section 10.3).
func (r *request) destination() (string, error) {
	text := r.Header.Get("Destination")
	if text == "" {
		return "", &davError{status: http.StatusBadRequest, message: "the Destination header is missing"}
	}
	target, err := url.Parse(text)
	if err != nil {
		return "", &davError{status: http.StatusBadRequest, message: "the Destination header is not a URL"}
	}
	if target.Host != "" && !strings.EqualFold(target.Host, r.Host) && !strings.EqualFold(target.Host, r.Header.Get("X-Forwarded-Host")) {
		return "", &davError{status: http.StatusBadGateway, message: "the destination is on another server"}
	}
	_, path, err := locate(target, r.user.Username)
	return path, err
}

// href returns the address of a resource; folders end in a slash.
func href(root, path string, folder bool) string {
	address := root + escape(path)
	if folder && !strings.HasSuffix(address, "/") {
		address += "/"
	}
	return address
}

const hexDigits = "0123456789ABCDEF"

// escape percent-encodes all but the unreserved characters (RFC 3986, section 2.3) and
// slashes, which is safe in XML as well.
func escape(path string) string {
	plain := true
	for i := 0; i < len(path) && plain; i++ {
		plain = unreserved(path[i])
	}
	if plain {
		return path
	}
	var out strings.Builder
	for i := range len(path) {
		if c := path[i]; unreserved(c) {
			out.WriteByte(c)
		} else {
			out.WriteByte('%')
			out.WriteByte(hexDigits[c>>4])
			out.WriteByte(hexDigits[c&15])
		}
	}
	return out.String()
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' || c == '/'
}
