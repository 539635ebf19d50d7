package tree

import (
	"strings"
	"testing"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
)

func TestAMoveKeepsIDEtagDatesAndProperties(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/a")
	s.mkdir("/a/deep")
	s.put("/a/deep/f", "content")
	s.mkdir("/b")
	before := map[string]*storageapi.Entry{"": s.stat("/a"), "/deep": s.stat("/a/deep"), "/deep/f": s.stat("/a/deep/f")}
	response, err := s.move("/a", "/b/c", false)
	s.must(err)
	if !response.GetCreated() || response.GetEntry().GetPath() != "/b/c" {
		t.Errorf("response %v", response)
	}
	for below, was := range before {
		is := s.stat("/b/c" + below)
		if is.GetId() != was.GetId() || is.GetEtag() != was.GetEtag() || is.GetMtimeUnixNano() != was.GetMtimeUnixNano() || is.GetSize() != was.GetSize() {
			t.Errorf("%s was %v, is %v", below, was, is)
		}
	}
	if s.exists("/a") || s.exists("/a/deep/f") || s.read("/b/c/deep/f") != "content" {
		t.Error("the tree is not where it was moved to")
	}
}

func TestNothingIsRelocatedToWhereItCouldNotBeNamed(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/deep")
	bottom := "/deep"
	for range paths.MaxDepth - 2 {
		bottom += "/d"
		s.mkdir(bottom)
	}
	s.mkdir("/long")
	end := "/long"
	for len(end)+250 < paths.MaxPath-10 {
		end += "/" + strings.Repeat("n", 249)
		s.mkdir(end)
	}
	s.put(bottom+"/f", "deep")
	s.put(end+"/f", "long")
	s.mkdir("/a")
	relocations := map[string]func(from, to string) error{
		"move": func(from, to string) error { _, err := s.move(from, to, false); return err },
		"copy": func(from, to string) error { _, err := s.copy(from, to, false); return err },
	}
	for name, relocate := range relocations {
		for _, from := range []string{"/deep", "/long"} {
			if err := relocate(from, "/a/b"+strings.Repeat("x", 200)); status(err) != 409 {
				t.Errorf("%s %s: %v", name, from, err)
			}
		}
	}
	if len(s.list("/a")) != 0 || s.read(bottom+"/f") != "deep" {
		t.Error("a refused relocation changed something")
	}
	// As deep, and as long, as before.
	s.must(relocations["copy"]("/deep", "/deeq"))
	s.must(relocations["move"]("/long", "/lonh"))
	if s.read("/deeq"+bottom[len("/deep"):]+"/f") != "deep" || s.read("/lonh"+end[len("/long"):]+"/f") != "long" {
		t.Error("the content is wrong")
	}
}

func TestAMoveOverAFileReplacesIt(t *testing.T) {
	s := newStand(t, Options{})
	from, to := s.put("/from", "new"), s.put("/to", "old")
	response, err := s.move("/from", "/to", true)
	s.must(err)
	entry := response.GetEntry()
	if response.GetCreated() || entry.GetId() != from.GetId() || entry.GetEtag() != from.GetEtag() || entry.GetEtag() == to.GetEtag() {
		t.Errorf("%v", response)
	}
	if s.read("/to") != "new" || s.exists("/from") {
		t.Error("content is wrong")
	}
}

func TestAMoveOverAFolderPutsThatIntoTheTrash(t *testing.T) {
	s := newStand(t, Options{})
	s.put("/from", "new")
	s.mkdir("/to")
	s.put("/to/precious", "old")
	_, err := s.move("/from", "/to", true)
	s.must(err)
	items := s.trashed()
	if len(items) != 1 || items[0].GetOriginalPath() != "/to" || s.read("/to") != "new" {
		t.Errorf("trash %v", items)
	}
}

func TestACopyHasItsOwnIDsAndKeepsProperties(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/a")
	s.mkdir("/a/sub")
	s.put("/a/sub/f", "content")
	s.put("/a/empty", "")
	_, err := s.SetProperties(t.Context(), s.owner, &storageapi.SetPropertiesRequest{Path: "/a/sub/f", Changes: []*storageapi.PropertyChange{
		{Property: &storageapi.Property{Namespace: "urn:x", Name: "p", InnerXml: []byte("v")}},
	}})
	s.must(err)
	_, err = s.Lock(t.Context(), s.owner, &storageapi.LockRequest{Path: "/a", Exclusive: true, Infinite: true})
	s.must(err)
	_, err = s.copy("/a", "/b", false)
	s.must(err)
	for _, below := range []string{"", "/sub", "/sub/f", "/empty"} {
		was, is := s.stat("/a"+below), s.stat("/b"+below)
		if was.GetId() == is.GetId() || was.GetEtag() == is.GetEtag() || was.GetSize() != is.GetSize() ||
			len(was.GetProperties()) != len(is.GetProperties()) || len(is.GetLocks()) != 0 {
			t.Errorf("%s: original %v, copy %v", below, was, is)
		}
	}
	s.put("/b/sub/f", "changed")
	s.delete("/b/empty")
	if s.read("/a/sub/f") != "content" || !s.exists("/a/empty") {
		t.Error("changing the copy changed the original")
	}
	s.must(s.PurgeTrash(t.Context(), s.owner, ""))
	_, err = s.copy("/b/sub/f", "/b/g", true)
	s.must(err)
	s.delete("/b/sub")
	s.must(s.PurgeTrash(t.Context(), s.owner, ""))
	s.settle()
	if s.read("/b/g") != "changed" {
		t.Error("a copy's content went with the original")
	}
}

func TestAShallowCopyOfAFolderIsEmptyAndMayBeBelowIt(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/a")
	s.put("/a/f", "content")
	_, err := s.Copy(t.Context(), s.owner, &storageapi.CopyRequest{Source: "/a", Destination: "/a/copy", Shallow: true})
	s.must(err)
	if len(s.list("/a/copy")) != 0 || s.stat("/a/copy").GetSize() != 0 || s.stat("/a").GetSize() != 7 {
		t.Error("the copy is not empty")
	}
}

func TestVeryDeepTreesAreCopiedAndPurged(t *testing.T) {
	s := newStand(t, Options{})
	const depth = paths.MaxDepth - 1
	for i := 1; i <= depth; i++ {
		s.mkdir(strings.Repeat("/d", i))
	}
	s.put(strings.Repeat("/d", depth)+"/f", "bottom")
	_, err := s.copy("/d", "/e", false)
	s.must(err)
	if s.read(strings.Repeat("/d", depth)+"/f") != "bottom" || s.stat("/e").GetSize() != 6 {
		t.Error("something is missing")
	}
	s.delete("/d")
	s.must(s.PurgeTrash(t.Context(), s.owner, ""))
	s.settle()
}
