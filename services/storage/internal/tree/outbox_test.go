package tree

import (
	"testing"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func TestEveryChangeLeavesAnEventAndARefusedOneNone(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	file := s.put("/d/f", "one")
	s.put("/d/f", "two!")
	_, err := s.move("/d/f", "/g", false)
	s.must(err)
	_, err = s.copy("/g", "/h", false)
	s.must(err)
	_, err = s.SetProperties(t.Context(), s.owner, &storageapi.SetPropertiesRequest{Path: "/g", MtimeUnixNano: 1})
	s.must(err)
	s.delete("/g")
	_, err = s.RestoreTrash(t.Context(), s.owner, &storageapi.RestoreTrashRequest{Id: s.trashed()[0].GetId(), Destination: "/i"})
	s.must(err)
	s.delete("/i")
	s.must(s.PurgeTrash(t.Context(), s.owner, ""))
	s.wants(404, s.tryDelete("/none"))

	pending, err := s.Pending(100)
	s.must(err)
	want := []struct{ kind, path, old string }{
		{"created", "/d", ""}, {"created", "/d/f", ""}, {"written", "/d/f", ""}, {"moved", "/g", "/d/f"}, {"copied", "/h", ""},
		{"properties", "/g", ""}, {"deleted", "/g", ""}, {"restored", "/i", ""}, {"deleted", "/i", ""}, {"purged", "/i", ""},
	}
	if len(pending) != len(want) {
		t.Fatalf("%d events, want %d: %v", len(pending), len(want), pending)
	}
	seen := map[string]bool{}
	for i, w := range want {
		event := pending[i].Event
		if event.GetKind() != w.kind || event.GetPath() != w.path || event.GetOldPath() != w.old || event.GetOwnerId() != s.owner || seen[event.GetId()] {
			t.Errorf("event %d is %v, want %v", i, event, w)
		}
		seen[event.GetId()] = true
	}
	if event := pending[2].Event; event.GetEntryId() != file.GetId() || event.GetSize() != 4 || event.GetAtUnixNano() != s.clock.now().UnixNano() {
		t.Errorf("event %v", event)
	}
}

func TestPublishedEventsLeaveTheOutboxWithTheNextChange(t *testing.T) {
	s := newStand(t, Options{})
	for range 5 {
		s.put("/f", "x")
	}
	pending, err := s.Pending(3)
	s.must(err)
	s.must(s.Published(t.Context(), pending[2].Sequence))
	if rest, _ := s.Pending(100); len(rest) != 2 || rest[0].Sequence != pending[2].Sequence+1 {
		t.Errorf("pending %v", rest)
	}
	s.put("/f", "x")
	if n := s.inOutbox(); n != 3 {
		t.Errorf("%d events are on disk", n)
	}
	s.must(s.Published(t.Context(), pending[2].Sequence+3))
	s.must(s.Close())
	s.reopen()
	if n := s.inOutbox(); n != 0 {
		t.Errorf("%d events are on disk after the end", n)
	}
}

func (s *stand) inOutbox() (n int) {
	s.t.Helper()
	s.must(s.view(func(x *tx) error {
		return x.bolt.Bucket(bucketOutbox).ForEach(func(_, _ []byte) error { n++; return nil })
	}))
	return n
}

func TestTheOutboxIsBoundedAndDropsTheOldest(t *testing.T) {
	s := newStand(t, Options{MaxEvents: 10})
	for range 25 {
		s.put("/f", "x")
	}
	pending, err := s.Pending(100)
	s.must(err)
	if len(pending) != 10 || pending[9].Sequence-pending[0].Sequence != 9 {
		t.Errorf("%d events", len(pending))
	}
}
