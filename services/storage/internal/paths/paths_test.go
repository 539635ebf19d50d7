package paths

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseRefusesWhatIsNotAbsoluteAndClean(t *testing.T) {
	for name, text := range map[string]string{
		"empty":            "",
		"relative":         "a/b",
		"dot":              "/a/./b",
		"dot at the end":   "/a/.",
		"dot dot":          "/a/../b",
		"only dot dot":     "/..",
		"double slash":     "//a",
		"trailing slash":   "/a/",
		"NUL":              "/a\x00b",
		"invalid UTF-8":    "/a/\xff\xfe",
		"surrogate":        "/\xed\xa0\x80",
		"name too long":    "/" + strings.Repeat("n", MaxName+1),
		"path too long":    strings.Repeat("/"+strings.Repeat("n", 250), 17),
		"path too deep":    strings.Repeat("/d", MaxDepth+1),
		"only many slashs": "///",
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s: %q is accepted", name, text)
		}
	}
}

func TestParseAcceptsUnusualButLegalNames(t *testing.T) {
	for _, text := range []string{
		"/", "/a", "/...", "/..a", "/ ", "/a b/ü/文件/🙂", "/%2e%2e", `/back\slash`, "/new\nline",
		"/" + strings.Repeat("n", MaxName), strings.Repeat("/d", MaxDepth),
	} {
		p, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if p.String() != text {
			t.Errorf("%q became %q", text, p)
		}
	}
}

func TestPathsKnowTheirRelatives(t *testing.T) {
	p := Path("/a/b/c")
	if p.Name() != "c" || p.Parent() != "/a/b" || p.Depth() != 3 || p.Parent().Child("c") != p {
		t.Errorf("relatives of %q: name %q, parent %q, depth %d", p, p.Name(), p.Parent(), p.Depth())
	}
	if Path("/a").Parent() != Root || Root.Parent() != Root || Root.Name() != "" || Root.Depth() != 0 {
		t.Error("the root's relatives are wrong")
	}
	first, rest := p.Cut()
	if first != "a" || rest != "/b/c" {
		t.Errorf("Cut: %q, %q", first, rest)
	}
	if first, rest = Path("/a").Cut(); first != "a" || rest != Root {
		t.Errorf("Cut of one segment: %q, %q", first, rest)
	}
}

func TestContainsIsAboutSegmentsNotBytes(t *testing.T) {
	for _, test := range []struct {
		p, q Path
		want bool
	}{
		{"/a", "/a/b", true},
		{"/a", "/a/b/c", true},
		{Root, "/a", true},
		{"/a", "/a", false},
		{Root, Root, false},
		{"/a", "/ab", false},
		{"/a/b", "/a", false},
	} {
		if got := test.p.Contains(test.q); got != test.want {
			t.Errorf("%q contains %q: %v", test.p, test.q, got)
		}
	}
}

func FuzzParsedPathsAreSafeAndTakeApartAgain(f *testing.F) {
	for _, seed := range []string{"/", "/a/b", "/../x", "/a//b", "/\x00", "/\xff", "/a/", "", "a", "/.../..a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if p.String() != text || !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > MaxPath {
			t.Fatalf("%q was accepted as %q", text, p)
		}
		names := 0
		for rest := p; !rest.IsRoot(); names++ {
			var name string
			if name, rest = rest.Cut(); CheckName(name) != nil {
				t.Fatalf("%q has the segment %q", text, name)
			}
		}
		if names != p.Depth() {
			t.Fatalf("%q has %d segments and depth %d", text, names, p.Depth())
		}
		if !p.IsRoot() && (p.Parent().Child(p.Name()) != p || !p.Parent().Contains(p) || p.Contains(p.Parent())) {
			t.Fatalf("%q does not fit its parent %q", text, p.Parent())
		}
	})
}
