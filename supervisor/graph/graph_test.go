package graph

import (
	"slices"
	"strings"
	"testing"
)

func TestGraphKnowsBothDirections(t *testing.T) {
	g, err := New(map[string][]string{"proxy": {"webdav", "users", "users"}, "webdav": {"storage"}, "storage": nil, "users": nil})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Needs("proxy"); !slices.Equal(got, []string{"users", "webdav"}) {
		t.Errorf("proxy needs %v", got)
	}
	if got := g.NeededBy("storage"); !slices.Equal(got, []string{"webdav"}) {
		t.Errorf("storage is needed by %v", got)
	}
	if got := g.Names(); !slices.Equal(got, []string{"proxy", "storage", "users", "webdav"}) {
		t.Errorf("names are %v", got)
	}
}

func TestWhatCannotBeOrderedIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		needs map[string][]string
		want  []string
	}{
		"a cycle":         {map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"b"}}, []string{"circle", "b needs c needs b"}},
		"itself":          {map[string][]string{"a": {"a"}}, []string{"a needs a"}},
		"a typo":          {map[string][]string{"proxy": {"webdv"}, "webdav": nil}, []string{"proxy", `"webdv"`, `did you mean "webdav"`}},
		"an unknown name": {map[string][]string{"proxy": {"quota"}, "webdav": nil}, []string{`"quota"`, "known are proxy, webdav"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.needs)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}
