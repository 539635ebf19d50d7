package tree

import (
	"strings"
	"testing"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

func (s *stand) trashed() []*storageapi.TrashItem {
	s.t.Helper()
	response, err := s.ListTrash(s.t.Context(), s.owner, &storageapi.ListTrashRequest{})
	s.must(err)
	return response.GetItems()
}

func TestALargeTrashIsListedInPages(t *testing.T) {
	s := newStand(t, Options{})
	bob := s.as("bob")
	bob.put("/f", "x")
	bob.delete("/f")
	const many = trashPage + 5
	s.must(s.update(t.Context(), func(x *tx) error { // as many deletions, in one go
		root, err := x.makeRoot(s.owner)
		for i := 0; i < many && err == nil; i++ {
			err = x.put(x.bolt.Bucket(bucketTrash), trashKey(root.entry.ID, uint64(1000+i)), (&record.Trashed{Path: "/f", Entry: record.Entry{ID: 1 << 40}}).Encode())
		}
		return err
	}))
	defer func() { s.must(s.PurgeTrash(t.Context(), s.owner, "")); s.settle() }()
	first, err := s.ListTrash(t.Context(), s.owner, &storageapi.ListTrashRequest{})
	s.must(err)
	last := first.GetItems()[len(first.GetItems())-1]
	second, err := s.ListTrash(t.Context(), s.owner, &storageapi.ListTrashRequest{After: last.GetId()})
	s.must(err)
	if len(first.GetItems()) != trashPage || !first.GetMore() || len(second.GetItems()) != many-trashPage || second.GetMore() {
		t.Errorf("%d items, more: %v; %d items, more: %v", len(first.GetItems()), first.GetMore(), len(second.GetItems()), second.GetMore())
	}
	if got := second.GetItems()[0].GetId(); got != "1004" {
		t.Errorf("the second page begins with %s", got)
	}
	_, err = s.ListTrash(t.Context(), s.owner, &storageapi.ListTrashRequest{After: "nonsense"})
	s.wants(400, err)
	one, err := s.ListTrash(t.Context(), s.owner, &storageapi.ListTrashRequest{Id: "1004"})
	s.must(err)
	if len(one.GetItems()) != 1 || one.GetItems()[0].GetId() != "1004" {
		t.Errorf("one item: %v", one)
	}
	_, err = s.ListTrash(t.Context(), s.owner, &storageapi.ListTrashRequest{Id: "1"})
	s.wants(404, err)
}

func TestNothingIsRestoredToWhereItCouldNotBeNamed(t *testing.T) {
	s := newStand(t, Options{})
	deep := "/d"
	s.mkdir(deep)
	for len(deep) < 3900 {
		deep += "/" + strings.Repeat("n", 200)
		s.mkdir(deep)
	}
	s.delete("/d")
	s.mkdir("/" + strings.Repeat("m", 200))
	_, err := s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: s.trashed()[0].GetId(), Destination: "/" + strings.Repeat("m", 200) + "/" + strings.Repeat("d", 200)})
	s.wants(409, err)
}

func TestRestoringReplacesOnlyWhenItMay(t *testing.T) {
	s := newStand(t, Options{Quota: 1000})
	was := s.put("/f", strings.Repeat("x", 600))
	s.delete("/f")
	s.mkdir("/d")
	s.put("/d/inside", strings.Repeat("y", 300))
	id := s.trashed()[0].GetId()
	restore := func(request *storageapi.RestoreTrashRequest) error {
		request.Id = id
		_, err := s.RestoreTrash(t.Context(), s.owner, request)
		return err
	}
	s.wants(412, restore(&storageapi.RestoreTrashRequest{Destination: "/d"}))
	s.wants(403, restore(&storageapi.RestoreTrashRequest{Destination: "/", Overwrite: true}))
	s.wants(412, restore(&storageapi.RestoreTrashRequest{Conditions: &storageapi.Conditions{IfMatch: []string{"other"}}}))
	locked, err := s.Lock(t.Context(), s.owner, &storageapi.LockRequest{Path: "/d", Exclusive: true, Infinite: true})
	s.must(err)
	s.wants(423, restore(&storageapi.RestoreTrashRequest{Destination: "/d", Overwrite: true}))
	s.wants(423, restore(&storageapi.RestoreTrashRequest{Destination: "/d/f"}))
	s.must(restore(&storageapi.RestoreTrashRequest{Destination: "/d", Overwrite: true, Conditions: &storageapi.Conditions{
		IfMatch: []string{was.GetEtag()}, LockTokens: []string{locked.GetLock().GetToken()},
	}}))
	if is := s.stat("/d"); is.GetId() != was.GetId() || is.GetSize() != 600 {
		t.Errorf("restored %v, was %v", is, was)
	}
	if items := s.trashed(); len(items) != 1 || items[0].GetOriginalPath() != "/d" {
		t.Errorf("what was replaced is not in the trash: %v", items)
	}
}

func TestADeletedTreeIsRestoredAsItWas(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	s.mkdir("/d/sub")
	file := s.put("/d/sub/f", "content")
	s.delete("/d")
	if s.exists("/d") || s.exists("/d/sub/f") {
		t.Fatal("it is still there")
	}
	s.put("/later", "x")
	s.delete("/later")
	items := s.trashed()
	if len(items) != 2 || items[0].GetOriginalPath() != "/later" || items[1].GetOriginalPath() != "/d" || items[1].GetDeletedUnix() != s.clock.now().Unix() {
		t.Fatalf("trash %v", items)
	}
	s.mkdir("/d")
	_, err := s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: items[1].GetId()})
	s.wants(412, err)
	_, err = s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: items[1].GetId(), Destination: "/none/d"})
	s.wants(409, err)
	response, err := s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: items[1].GetId(), Destination: "/back"})
	s.must(err)
	is := s.stat("/back/sub/f")
	if response.GetEntry().GetPath() != "/back" || is.GetId() != file.GetId() || is.GetEtag() != file.GetEtag() || s.read("/back/sub/f") != "content" {
		t.Errorf("restored %v, was %v", is, file)
	}
	_, err = s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: items[1].GetId()})
	s.wants(404, err)
}

func TestPurgingRemovesContentForGood(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	for range 3 {
		s.put("/d/f", strings.Repeat("x", maxInline+1))
		s.delete("/d/f")
	}
	items := s.trashed()
	s.must(s.PurgeTrash(t.Context(), s.owner, items[0].GetId()))
	s.wants(404, s.PurgeTrash(t.Context(), s.owner, items[0].GetId()))
	s.wants(404, s.PurgeTrash(t.Context(), s.owner, "nonsense"))
	if left := len(s.trashed()); left != 2 {
		t.Errorf("%d are left", left)
	}
	s.must(s.PurgeTrash(t.Context(), s.owner, ""))
	if left := len(s.trashed()); left != 0 {
		t.Errorf("%d are left", left)
	}
	s.settle()
	s.must(s.Close())
	if files := filesIn(t, s.options.Folder); files != 1 {
		t.Errorf("%d files are on disk", files)
	}
	s.reopen()
}

// reopen opens a closed engine again.
func (s *stand) reopen() {
	s.t.Helper()
	tree, err := Open(s.options)
	s.must(err)
	s.Tree = tree
}

func TestALargeTreeIsPurgedInSteps(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	s.mkdir("/d/sub")
	for _, folder := range []string{"/d/", "/d/sub/"} {
		for i := range purgeBatch + 10 {
			s.must(s.tryPut(folder + strings.Repeat("n", 1+i%200) + string(rune('a'+i/200))))
		}
	}
	s.delete("/d")
	s.must(s.PurgeTrash(t.Context(), s.owner, ""))
	s.settle()
}

func TestTheTrashIsEmptiedByAge(t *testing.T) {
	s := newStand(t, Options{Retention: 30 * 24 * time.Hour})
	s.put("/old", "x")
	s.delete("/old")
	s.clock.advance(20 * 24 * time.Hour)
	s.put("/new", "x")
	s.delete("/new")
	s.clock.advance(11 * 24 * time.Hour)
	s.must(s.dropOld(t.Context()))
	if items := s.trashed(); len(items) != 1 || items[0].GetOriginalPath() != "/new" {
		t.Errorf("trash %v", items)
	}
}

func TestTheQuotaIsAboutFilesAndTheTrashGivesWay(t *testing.T) {
	s := newStand(t, Options{Quota: 1000})
	put := func(path string, size int) error {
		_, err := s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: path, Content: make([]byte, size)})
		return err
	}
	s.must(put("/a", 600))
	s.wants(507, put("/b", 401))
	s.must(put("/b", 400))
	s.wants(507, put("/a", 601))
	s.must(put("/a", 600))
	_, err := s.copy("/a", "/c", false)
	s.wants(507, err)
	_, err = s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: "/c", Size: 1})
	s.wants(507, err)
	s.delete("/b")
	if len(s.trashed()) != 1 {
		t.Error("the trash gave way to nothing")
	}
	usage, err := s.Usage(t.Context(), s.owner)
	s.must(err)
	if usage.GetUsedBytes() != 600 || usage.GetAvailableBytes() != 400 {
		t.Errorf("usage %v", usage)
	}
	s.must(put("/c", 1))
	if len(s.trashed()) != 0 {
		t.Error("the trash did not give way")
	}
	s.must(s.as("bob").tryPut("/other people have their own"))
	s.must(put("/a", 1000-1))
	s.delete("/a")
	_, err = s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: s.trashed()[0].GetId()})
	s.must(err)
}
