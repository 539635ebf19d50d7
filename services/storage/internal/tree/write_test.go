package tree

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/a")
	for path, content := range map[string]string{"/a/small": "hello", "/empty": "", "/large": strings.Repeat("x", 1<<20),
		"/inline": strings.Repeat("x", maxInline), "/file": strings.Repeat("x", maxInline+1)} {
		entry := s.put(path, content)
		if entry.GetPath() != path || entry.GetSize() != uint64(len(content)) || entry.GetType() != storageapi.Type_TYPE_FILE {
			t.Errorf("entry %v", entry)
		}
		if got := s.read(path); got != content {
			t.Errorf("%s has %d bytes", path, len(got))
		}
	}
	opened, err := s.Open(t.Context(), s.owner, &storageapi.OpenRequest{Path: "/a/small", InlineLimit: 5})
	s.must(err)
	if opened.File != nil || string(opened.Content) != "hello" {
		t.Errorf("content within the inline limit came as %v, %q", opened.File, opened.Content)
	}
}

func TestARewriteKeepsTheIDAndChangesTheEtag(t *testing.T) {
	s := newStand(t, Options{})
	first := s.put("/f", "one")
	_, err := s.SetProperties(t.Context(), s.owner, &storageapi.SetPropertiesRequest{Path: "/f", Changes: []*storageapi.PropertyChange{
		{Property: &storageapi.Property{Namespace: "urn:x", Name: "colour", InnerXml: []byte("red")}},
	}})
	s.must(err)
	second := s.put("/f", "two!")
	if second.GetId() != first.GetId() || second.GetEtag() == first.GetEtag() || len(second.GetProperties()) != 1 {
		t.Errorf("first %v, second %v", first, second)
	}
	if third := s.put("/f", "two!"); third.GetEtag() == second.GetEtag() {
		t.Error("writing the same content again kept the etag")
	}
}

func TestEveryChangeChangesTheEtagsAndSizesOfAllAncestors(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/a")
	s.mkdir("/a/b")
	s.mkdir("/a/b/c")
	s.mkdir("/x")
	above := []string{"/", "/a", "/a/b", "/a/b/c"}
	var token string
	for _, step := range []struct {
		name  string
		do    func() error
		grown int64
	}{
		{"create", func() error { s.put("/a/b/c/f", "12345"); return nil }, 5},
		{"rewrite", func() error { s.put("/a/b/c/f", "123"); return nil }, -2},
		{"mkdir", func() error { s.mkdir("/a/b/c/d"); return nil }, 0},
		{"copy", func() error { _, err := s.copy("/a/b/c/f", "/a/b/c/g", false); return err }, 3},
		{"move within", func() error { _, err := s.move("/a/b/c/g", "/a/b/c/h", false); return err }, 0},
		{"properties", func() error {
			_, err := s.SetProperties(t.Context(), s.owner, &storageapi.SetPropertiesRequest{Path: "/a/b/c/h", MtimeUnixNano: 5})
			return err
		}, 0},
		{"move overwriting", func() error { _, err := s.move("/a/b/c/h", "/a/b/c/f", true); return err }, -3},
		{"lock of nothing", func() error {
			response, err := s.Lock(t.Context(), s.owner, &storageapi.LockRequest{Path: "/a/b/c/new", Exclusive: true})
			token = response.GetLock().GetToken()
			return err
		}, 0},
		{"delete", func() error {
			return s.Delete(t.Context(), s.owner, &storageapi.DeleteRequest{Path: "/a/b/c/new", Conditions: &storageapi.Conditions{LockTokens: []string{token}}})
		}, 0},
		{"restore", func() error {
			_, err := s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: s.trashed()[0].GetId()})
			return err
		}, 0},
	} {
		before := map[string]*storageapi.Entry{}
		for _, path := range above {
			before[path] = s.stat(path)
		}
		aside := s.stat("/x").GetEtag()
		s.must(step.do())
		for _, path := range above {
			after := s.stat(path)
			if after.GetEtag() == before[path].GetEtag() {
				t.Errorf("%s kept the etag of %s", step.name, path)
			}
			if grown := int64(after.GetSize()) - int64(before[path].GetSize()); grown != step.grown {
				t.Errorf("%s made %s grow by %d, want %d", step.name, path, grown, step.grown)
			}
		}
		if s.stat("/x").GetEtag() != aside {
			t.Errorf("%s changed the etag of a folder aside", step.name)
		}
	}
	before := s.stat("/x").GetEtag()
	_, err := s.move("/a/b/c/f", "/x/f", false)
	s.must(err)
	if s.stat("/x").GetEtag() == before || s.stat("/x").GetSize() != 3 || s.stat("/a").GetSize() != 0 || s.stat("/").GetSize() != 3 {
		t.Error("a move between folders did not change both")
	}
}

func TestUsersNeverSeeEachOthersFiles(t *testing.T) {
	alice := newStand(t, Options{})
	bob := alice.as("bob")
	alice.put("/secret", "of alice")
	alice.mkdir("/dir")
	if bob.exists("/secret") || bob.exists("/dir") || len(bob.list("/")) != 0 {
		t.Error("bob sees files of alice")
	}
	bob.put("/secret", "of bob")
	if alice.read("/secret") != "of alice" || bob.read("/secret") != "of bob" {
		t.Error("one's write changed the other's file")
	}
	upload, err := alice.BeginUpload(t.Context(), alice.owner, &storageapi.BeginUploadRequest{Path: "/up"})
	alice.must(err)
	_, err = bob.CommitUpload(t.Context(), bob.owner, &storageapi.CommitUploadRequest{UploadId: upload.ID})
	bob.wants(404, err)
	bob.AbortUpload(bob.owner, upload.ID)
	_, err = alice.CommitUpload(t.Context(), alice.owner, &storageapi.CommitUploadRequest{UploadId: upload.ID})
	alice.must(err)

	locked, err := alice.Lock(t.Context(), alice.owner, &storageapi.LockRequest{Path: "/", Exclusive: true, Infinite: true})
	alice.must(err)
	bob.put("/secret", "still writable")
	bob.wants(409, bob.Unlock(t.Context(), bob.owner, &storageapi.UnlockRequest{Path: "/", Token: locked.GetLock().GetToken()}))
	alice.must(alice.Unlock(t.Context(), alice.owner, &storageapi.UnlockRequest{Path: "/", Token: locked.GetLock().GetToken()}))

	alice.delete("/secret")
	items := alice.trashed()
	if theirs := bob.trashed(); len(theirs) != 0 {
		t.Errorf("bob's trash: %v", theirs)
	}
	_, err = bob.RestoreTrash(t.Context(), bob.owner, &storageapi.RestoreTrashRequest{Id: items[0].GetId()})
	bob.wants(404, err)
	bob.wants(404, bob.PurgeTrash(t.Context(), bob.owner, items[0].GetId()))
}

func TestNobodyHasNoFiles(t *testing.T) {
	s := newStand(t, Options{}).as("")
	_, err := s.Stat(t.Context(), s.owner, &storageapi.StatRequest{Path: "/"})
	s.wants(401, err)
	s = s.as(strings.Repeat("x", maxOwner+1))
	_, err = s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: "/f"})
	s.wants(401, err)
}

func TestRefusals(t *testing.T) {
	s := newStand(t, Options{})
	file := s.put("/file", "x")
	s.mkdir("/dir")
	s.mkdir("/dir/sub")
	ctx := t.Context()
	put := func(path string, c *storageapi.Conditions) error {
		_, err := s.Put(ctx, s.owner, &storageapi.PutRequest{Path: path, Content: []byte("new"), Conditions: c})
		return err
	}
	mkdir := func(path string) error {
		_, err := s.MakeDirectory(ctx, s.owner, &storageapi.MakeDirectoryRequest{Path: path})
		return err
	}
	move := func(from, to string, overwrite bool) error { _, err := s.move(from, to, overwrite); return err }
	copied := func(from, to string, overwrite bool) error { _, err := s.copy(from, to, overwrite); return err }
	open := func(path string) error {
		_, err := s.Open(ctx, s.owner, &storageapi.OpenRequest{Path: path})
		return err
	}
	for _, test := range []struct {
		name string
		want int
		err  error
	}{
		{"illegal path", 400, put("/a/../b", nil)},
		{"NUL", 400, put("/a\x00", nil)},
		{"long name", 400, put("/"+strings.Repeat("n", 256), nil)},
		{"invalid UTF-8", 400, put("/\xff", nil)},
		{"put without parent", 409, put("/none/f", nil)},
		{"put below a file", 409, put("/file/f", nil)},
		{"put on a folder", 405, put("/dir", nil)},
		{"put on the root", 405, put("/", nil)},
		{"if-match of another etag", 412, put("/file", &storageapi.Conditions{IfMatch: []string{"x"}})},
		{"changed since", 412, put("/file", &storageapi.Conditions{IfUnmodifiedSince: proto.Int64(1)})},
		{"if-match of nothing", 412, put("/none", &storageapi.Conditions{IfMatch: []string{"*"}})},
		{"if-none-match * there", 412, put("/file", &storageapi.Conditions{IfNoneMatch: []string{"*"}})},
		{"if-match before the missing parent", 412, put("/none/f", &storageapi.Conditions{IfMatch: []string{file.GetEtag()}})},
		{"mkdir there", 405, mkdir("/dir")},
		{"mkdir over a file", 405, mkdir("/file")},
		{"mkdir of the root", 405, mkdir("/")},
		{"mkdir without parent", 409, mkdir("/none/dir")},
		{"mkdir below a file", 409, mkdir("/file/dir")},
		{"open a folder", 405, open("/dir")},
		{"open nothing", 404, open("/none")},
		{"open below a file", 404, open("/file/f")},
		{"delete nothing", 404, s.Delete(ctx, s.owner, &storageapi.DeleteRequest{Path: "/none"})},
		{"delete the root", 403, s.Delete(ctx, s.owner, &storageapi.DeleteRequest{Path: "/"})},
		{"move nothing", 404, move("/none", "/x", false)},
		{"move onto itself", 403, move("/file", "/file", true)},
		{"move into itself", 403, move("/dir", "/dir/sub/x", true)},
		{"move onto an ancestor", 403, move("/dir/sub", "/dir", true)},
		{"move the root", 403, move("/", "/dir/x", true)},
		{"move onto the root", 403, move("/dir", "/", true)},
		{"move without parent", 409, move("/file", "/none/f", false)},
		{"move onto what is there", 412, move("/file", "/dir", false)},
		{"move to an illegal path", 400, move("/file", "/a//b", false)},
		{"copy into itself", 403, copied("/dir", "/dir/sub/x", true)},
		{"copy onto itself", 403, copied("/file", "/file", true)},
		{"copy onto what is there", 412, copied("/file", "/dir", false)},
		{"copy without parent", 409, copied("/file", "/none/f", true)},
	} {
		if got := status(test.err); got != test.want {
			t.Errorf("%s: status %d (%v), want %d", test.name, got, test.err, test.want)
		}
	}
	if s.read("/file") != "x" || s.stat("/file").GetEtag() != file.GetEtag() || len(s.list("/")) != 2 {
		t.Error("a refused request changed something")
	}
}

func TestConditionsThatHoldLetTheWriteThrough(t *testing.T) {
	s := newStand(t, Options{})
	put := func(path string, c *storageapi.Conditions) (*storageapi.WriteResponse, error) {
		return s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: path, Content: []byte("x"), Conditions: c})
	}
	made, err := put("/f", &storageapi.Conditions{IfNoneMatch: []string{"*"}})
	if err != nil || !made.GetCreated() {
		t.Fatalf("%v, %v", made, err)
	}
	again, err := put("/f", &storageapi.Conditions{IfUnmodifiedSince: proto.Int64(s.clock.now().Unix())})
	if err != nil || again.GetCreated() {
		t.Fatalf("%v, %v", again, err)
	}
	// The etag tells more than the date, which does not count beside it.
	again, err = put("/f", &storageapi.Conditions{IfMatch: []string{"other", again.GetEntry().GetEtag()}, IfUnmodifiedSince: proto.Int64(1)})
	if err != nil || again.GetCreated() {
		t.Fatalf("%v, %v", again, err)
	}
	_, err = put("/f", &storageapi.Conditions{IfMatch: []string{made.GetEntry().GetEtag()}})
	s.wants(412, err)
}

func TestOfManyConditionalCreatesOneWins(t *testing.T) {
	s := newStand(t, Options{})
	var wg sync.WaitGroup
	results := make(chan int, 32)
	for i := range cap(results) {
		wg.Go(func() {
			_, err := s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: "/f", Content: fmt.Append(nil, i),
				Conditions: &storageapi.Conditions{IfNoneMatch: []string{"*"}}})
			results <- status(err)
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for result := range results {
		switch result {
		case 0:
			won++
		case 412:
		default:
			t.Errorf("status %d", result)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

func TestAWrongChecksumLeavesNothing(t *testing.T) {
	s := newStand(t, Options{})
	good := sumsOf([]byte("content"))
	for _, wrong := range []*storageapi.Checksums{{Sha1: []byte("x")}, {Md5: make([]byte, 16)}, {Sha1: good.Sha1, Adler32: []byte{1, 2, 3, 4}}} {
		_, err := s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: "/f", Content: []byte("content"), Expected: wrong})
		s.wants(400, err)
	}
	if s.exists("/f") {
		t.Error("the file is there")
	}
	written, err := s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: "/f", Content: []byte("content"), Expected: good})
	s.must(err)
	if string(written.GetEntry().GetChecksums().GetMd5()) != string(good.Md5) {
		t.Error("the checksums were not stored")
	}
}

func TestPropertiesAreChangedInOrderAllOrNone(t *testing.T) {
	s := newStand(t, Options{})
	s.put("/f", "x")
	set := func(name, value string) *storageapi.PropertyChange {
		return &storageapi.PropertyChange{Property: &storageapi.Property{Namespace: "urn:x", Name: name, InnerXml: []byte(value)}}
	}
	remove := func(name string) *storageapi.PropertyChange {
		return &storageapi.PropertyChange{Remove: true, Property: &storageapi.Property{Namespace: "urn:x", Name: name}}
	}
	change := func(changes ...*storageapi.PropertyChange) (*storageapi.Entry, error) {
		return s.SetProperties(t.Context(), s.owner, &storageapi.SetPropertiesRequest{Path: "/f", Changes: changes})
	}
	before := s.stat("/f").GetEtag()
	entry, err := change(set("a", "1"), set("b", "1"), set("a", "2"), remove("b"), remove("none"))
	s.must(err)
	if p := entry.GetProperties(); len(p) != 1 || p[0].GetName() != "a" || string(p[0].GetInnerXml()) != "2" {
		t.Errorf("properties %v", p)
	}
	if entry.GetEtag() != before {
		t.Error("a property changed the etag of the content")
	}
	_, err = change(set("c", "1"), set("huge", strings.Repeat("x", maxProperties)))
	s.wants(507, err)
	_, err = change(set("", "1"))
	s.wants(400, err)
	if p := s.stat("/f").GetProperties(); len(p) != 1 {
		t.Errorf("a refused change left %v", p)
	}
	entry, err = s.SetProperties(t.Context(), s.owner, &storageapi.SetPropertiesRequest{Path: "/f", MtimeUnixNano: 123})
	if err != nil || entry.GetMtimeUnixNano() != 123 || entry.GetEtag() == before {
		t.Errorf("after a change of the date: %v, %v", entry, err)
	}
}

func TestAFailedChangeDoesNotDisturbThoseInItsTransaction(t *testing.T) {
	s := newStand(t, Options{})
	victim := s.put("/victim", "content")
	var batch []*change
	for _, name := range []string{"a", "b", "c"} {
		batch = append(batch, &change{ctx: t.Context(), run: func(x *tx) error {
			root, err := x.makeRoot(s.owner)
			if err != nil {
				return err
			}
			at, err := x.locate(root, paths.Root.Child(name))
			if err != nil {
				return err
			}
			_, err = x.store(&at, content{})
			return err
		}})
	}
	batch[1].run = func(x *tx) error {
		root, _ := x.makeRoot(s.owner)
		at, _ := x.locate(root, "/victim")
		if _, err := x.store(&at, content{}); err != nil {
			return err
		}
		return refuse(418, "after having written")
	}
	s.writer.commit(batch)
	s.wants(418, batch[1].err)
	if batch[0].err != nil || batch[2].err != nil || !s.exists("/a") || !s.exists("/c") {
		t.Errorf("the others failed: %v, %v", batch[0].err, batch[2].err)
	}
	if s.read("/victim") != "content" || s.stat("/victim").GetEtag() != victim.GetEtag() {
		t.Error("the failed change left something")
	}
}
