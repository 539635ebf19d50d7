// Package paths says which names and paths a user's tree can have.
//
// It owns their validation and their algebra (parent, name, containment). It leaves to
// others whether anything is there. It does not normalise: two names are the same when
// their bytes are.
package paths

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of what Parse accepts. Those of length are Linux's NAME_MAX and PATH_MAX, so
// that every tree fits a client's file system.
const (
	MaxName  = 255  // bytes
	MaxPath  = 4096 // bytes
	MaxDepth = 256  // names in a path
)

// Path is a valid path. Only Root and the functions of this package make one. Paths
// are comparable; the root is the empty string, all others begin with a slash.
type Path string

// Root is the top of a tree.
const Root Path = ""

// Parse checks an absolute, clean path: "/" or "/a/b". Its errors say what is wrong
// with it and are fit for a client's eyes.
func Parse(text string) (Path, error) {
	switch {
	case text == "/":
		return Root, nil
	case text == "" || text[0] != '/':
		return "", errors.New("the path does not begin with a slash")
	}
	if err := CheckLength(Path(text)); err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(text[1:], "/") {
		if err := CheckName(name); err != nil {
			return "", err
		}
	}
	return Path(text), nil
}

// CheckLength checks the length and the depth of a path that is valid otherwise.
func CheckLength(p Path) error {
	switch {
	case len(p) > MaxPath:
		return fmt.Errorf("the path has %d bytes, more than %d", len(p), MaxPath)
	case p.Depth() > MaxDepth:
		return fmt.Errorf("the path is deeper than %d folders", MaxDepth)
	}
	return nil
}

// CheckName checks one segment of a path.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the path has an empty segment")
	case name == "." || name == "..":
		return fmt.Errorf("the path has a segment %q", name)
	case len(name) > MaxName:
		return fmt.Errorf("a name has %d bytes, more than %d", len(name), MaxName)
	case strings.ContainsAny(name, "/\x00"):
		return errors.New("a name contains a slash or NUL")
	case !utf8.ValidString(name):
		return errors.New("a name is not valid UTF-8")
	}
	return nil
}

// String returns the path as clients write it.
func (p Path) String() string {
	if p == Root {
		return "/"
	}
	return string(p)
}

// IsRoot tells whether p is the top of the tree.
func (p Path) IsRoot() bool { return p == Root }

// Name returns the last segment, "" for the root.
func (p Path) Name() string { return string(p[strings.LastIndexByte(string(p), '/')+1:]) }

// Parent returns the path above; the root's is the root.
func (p Path) Parent() Path {
	if p == Root {
		return Root
	}
	return p[:strings.LastIndexByte(string(p), '/')]
}

// Child returns the path of name, which must be a valid one, below p.
func (p Path) Child(name string) Path { return p + "/" + Path(name) }

// Depth returns the number of segments; the root's is 0.
func (p Path) Depth() int { return strings.Count(string(p), "/") }

// Contains tells whether q is below p. No path contains itself.
func (p Path) Contains(q Path) bool {
	return len(q) > len(p) && q[:len(p)] == p && q[len(p)] == '/'
}

// Cut returns the first segment and the path of the rest.
func (p Path) Cut() (first string, rest Path) {
	if p == Root {
		return "", Root
	}
	if end := strings.IndexByte(string(p[1:]), '/'); end >= 0 {
		return string(p[1 : end+1]), p[end+1:]
	}
	return string(p[1:]), Root
}
