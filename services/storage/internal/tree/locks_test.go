package tree

import (
	"testing"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func (s *stand) lock(path string, exclusive, infinite bool, tokens ...string) (string, error) {
	response, err := s.Lock(s.t.Context(), s.owner, &storageapi.LockRequest{
		Path: path, Exclusive: exclusive, Infinite: infinite, OwnerXml: "<D:href>alice</D:href>",
		Conditions: &storageapi.Conditions{LockTokens: tokens},
	})
	return response.GetLock().GetToken(), err
}

func (s *stand) mustLock(path string, exclusive, infinite bool) string {
	s.t.Helper()
	token, err := s.lock(path, exclusive, infinite)
	s.must(err)
	return token
}

func (s *stand) tryPut(path string, tokens ...string) error {
	_, err := s.Put(s.t.Context(), s.owner, &storageapi.PutRequest{Path: path, Content: []byte("x"), Conditions: &storageapi.Conditions{LockTokens: tokens}})
	return err
}

func (s *stand) tryDelete(path string, tokens ...string) error {
	return s.Delete(s.t.Context(), s.owner, &storageapi.DeleteRequest{Path: path, Conditions: &storageapi.Conditions{LockTokens: tokens}})
}

func (s *stand) tryMove(from, to string, tokens ...string) error {
	_, err := s.Move(s.t.Context(), s.owner, &storageapi.MoveRequest{Source: from, Destination: to, Overwrite: true, Conditions: &storageapi.Conditions{LockTokens: tokens}})
	return err
}

func TestALockedFileIsChangedOnlyWithItsToken(t *testing.T) {
	s := newStand(t, Options{})
	s.put("/f", "x")
	token := s.mustLock("/f", true, false)
	s.wants(423, s.tryPut("/f"))
	s.wants(423, s.tryPut("/f", "urn:uuid:another"))
	s.wants(423, s.tryDelete("/f"))
	s.wants(423, s.tryMove("/f", "/g"))
	_, err := s.SetProperties(t.Context(), s.owner, &storageapi.SetPropertiesRequest{Path: "/f", MtimeUnixNano: 1})
	s.wants(423, err)
	s.put("/other", "x")
	s.wants(423, s.tryMove("/other", "/f"))
	_, err = s.copy("/other", "/f", true)
	s.wants(423, err)
	if _, err := s.copy("/f", "/free", false); err != nil {
		t.Errorf("copying a locked file: %v", err)
	}
	s.must(s.tryPut("/f", token))
	s.must(s.tryDelete("/f", token))
	s.must(s.tryPut("/f"))
	if locks := s.stat("/f").GetLocks(); len(locks) != 0 {
		t.Errorf("a deleted file left its lock: %v", locks)
	}
}

func TestALockOfDepthZeroProtectsTheMembersOfAFolderNotTheirContent(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	s.mkdir("/d/sub")
	s.put("/d/f", "x")
	s.put("/outside", "x")
	token := s.mustLock("/d", true, false)
	s.must(s.tryPut("/d/f"))
	s.must(s.tryPut("/d/sub/new"))
	for name, err := range map[string]error{
		"create":   s.tryPut("/d/new"),
		"delete":   s.tryDelete("/d/f"),
		"move out": s.tryMove("/d/f", "/g"),
		"move in":  s.tryMove("/outside", "/d/g"),
		"replace":  s.tryMove("/outside", "/d/f"),
		"remove":   s.tryDelete("/d"),
	} {
		if status(err) != 423 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.lock("/d/unmapped", true, false)
	s.wants(423, err)
	s.must(s.tryPut("/d/new", token))
	s.must(s.tryMove("/d/new", "/new", token))
}

func TestALockOfInfiniteDepthCoversWhatIsBelowAndWhatComesThere(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	s.mkdir("/d/sub")
	s.put("/d/sub/f", "x")
	s.put("/comes", "x")
	token := s.mustLock("/d", true, true)
	s.wants(423, s.tryPut("/d/sub/f"))
	s.wants(423, s.tryPut("/d/sub/new"))
	s.must(s.tryMove("/comes", "/d/sub/came", token))
	s.wants(423, s.tryPut("/d/sub/came"))
	if locks := s.stat("/d/sub/came").GetLocks(); len(locks) != 1 || locks[0].GetRoot() != "/d" || locks[0].GetToken() != token {
		t.Errorf("locks %v", locks)
	}
	if locks := s.list("/d/sub")["f"].GetLocks(); len(locks) != 1 {
		t.Errorf("locks in a listing: %v", locks)
	}
	s.must(s.tryMove("/d/sub/came", "/left", token))
	s.must(s.tryPut("/left"))
	s.must(s.Unlock(t.Context(), s.owner, &storageapi.UnlockRequest{Path: "/d/sub/f", Token: token}))
	s.must(s.tryPut("/d/sub/f"))
}

func TestLocksConflictAsRFC4918Section6Says(t *testing.T) {
	for _, test := range []struct {
		name               string
		first              string
		exclusive, depth   bool
		second             string
		exclusive2, depth2 bool
		want               int
	}{
		{"exclusive twice", "/d/f", true, false, "/d/f", true, false, 423},
		{"shared twice", "/d/f", false, false, "/d/f", false, false, 0},
		{"shared on exclusive", "/d/f", true, false, "/d/f", false, false, 423},
		{"exclusive on shared", "/d/f", false, false, "/d/f", true, false, 423},
		{"below infinite", "/d", true, true, "/d/f", true, false, 423},
		{"below depth 0", "/d", true, false, "/d/f", true, false, 0},
		{"infinite above", "/d/f", true, false, "/d", true, true, 423},
		{"depth 0 above", "/d/f", true, false, "/d", true, false, 0},
		{"shared infinite above shared", "/d/f", false, false, "/d", false, true, 0},
		{"shared infinite above exclusive", "/d/f", true, false, "/d", false, true, 423},
		{"a similar name aside", "/d", true, true, "/d2", true, true, 0},
		{"the root", "/d/f", true, false, "/", true, true, 423},
		{"below the root", "/", true, true, "/d/f", false, false, 423},
	} {
		s := newStand(t, Options{})
		s.mkdir("/d")
		s.mkdir("/d2")
		s.put("/d/f", "x")
		s.mustLock(test.first, test.exclusive, test.depth)
		if _, err := s.lock(test.second, test.exclusive2, test.depth2); status(err) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestAnyOfTheSharedLocksIsEnough(t *testing.T) {
	s := newStand(t, Options{})
	s.put("/f", "x")
	first, second := s.mustLock("/f", false, false), s.mustLock("/f", false, false)
	s.wants(423, s.tryPut("/f"))
	s.must(s.tryPut("/f", first))
	s.must(s.tryPut("/f", second))
}

func TestALockInATreeProtectsTheTreeFromDeletion(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/a")
	s.mkdir("/a/b")
	s.put("/a/b/f", "x")
	token := s.mustLock("/a/b/f", true, false)
	s.wants(423, s.tryDelete("/a"))
	s.wants(423, s.tryMove("/a", "/c"))
	s.must(s.tryMove("/a", "/c", token))
	if locks := s.stat("/c/b/f").GetLocks(); len(locks) != 0 {
		t.Errorf("a move carried locks: %v", locks)
	}
	s.mkdir("/a")
	s.mkdir("/a/b")
	s.put("/a/b/f", "not locked")
}

func TestALockWhereNothingIsMakesAnEmptyFile(t *testing.T) {
	s := newStand(t, Options{})
	response, err := s.Lock(t.Context(), s.owner, &storageapi.LockRequest{Path: "/new", Exclusive: true})
	s.must(err)
	if !response.GetCreated() || response.GetEntry().GetSize() != 0 || len(response.GetEntry().GetLocks()) != 1 || s.read("/new") != "" {
		t.Errorf("%v", response)
	}
	_, err = s.lock("/none/new", true, false)
	s.wants(409, err)
}

func TestALockAtTheDestinationStaysWhenItIsOverwritten(t *testing.T) {
	s := newStand(t, Options{})
	s.put("/from", "x")
	s.put("/to", "y")
	token := s.mustLock("/to", true, false)
	s.must(s.tryMove("/from", "/to", token))
	if locks := s.stat("/to").GetLocks(); len(locks) != 1 || locks[0].GetToken() != token {
		t.Errorf("locks %v", locks)
	}
}

func TestLocksExpireAndAreRefreshed(t *testing.T) {
	s := newStand(t, Options{})
	s.put("/f", "x")
	response, err := s.Lock(t.Context(), s.owner, &storageapi.LockRequest{Path: "/f", Exclusive: true, TimeoutSeconds: 60})
	s.must(err)
	token := response.GetLock().GetToken()
	if left := response.GetLock().GetTimeoutSeconds(); left != 60 {
		t.Errorf("%d seconds", left)
	}
	s.clock.advance(50 * time.Second)
	refreshed, err := s.RefreshLock(t.Context(), s.owner, &storageapi.RefreshLockRequest{Path: "/f", Token: token, TimeoutSeconds: 1 << 40})
	s.must(err)
	if left := refreshed.GetLock().GetTimeoutSeconds(); left != int64(maxLockTimeout/time.Second) {
		t.Errorf("%d seconds", left)
	}
	s.clock.advance(maxLockTimeout - time.Second)
	s.wants(423, s.tryPut("/f"))
	s.clock.advance(time.Second)
	s.must(s.tryPut("/f"))
	_, err = s.RefreshLock(t.Context(), s.owner, &storageapi.RefreshLockRequest{Path: "/f", Token: token})
	s.wants(412, err)
	s.wants(409, s.Unlock(t.Context(), s.owner, &storageapi.UnlockRequest{Path: "/f", Token: token}))
	s.must(s.dropOld(t.Context()))
	s.must(s.view(func(x *tx) error {
		if key, _ := x.bolt.Bucket(bucketLocks).Cursor().First(); key != nil {
			t.Error("an expired lock is still on disk")
		}
		return nil
	}))
}

func TestALockIsRefreshedThroughAMemberOfItsScope(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	s.put("/d/f", "x")
	token := s.mustLock("/d", true, true)
	response, err := s.RefreshLock(t.Context(), s.owner, &storageapi.RefreshLockRequest{Path: "/d/f", Token: token})
	s.must(err)
	if response.GetLock().GetRoot() != "/d" {
		t.Errorf("%v", response)
	}
}

func TestAnIfListIsAboutTheStateInTheTransaction(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	etag := s.put("/d/f", "x").GetEtag()
	token := s.mustLock("/d", true, true)
	put := func(path, on, token, etag string) error {
		list := &storageapi.IfList{Path: on, Tests: []*storageapi.IfTest{{State: &storageapi.IfTest_Token{Token: token}}}}
		if etag != "" {
			list.Tests = append(list.Tests, &storageapi.IfTest{State: &storageapi.IfTest_Etag{Etag: etag}})
		}
		_, err := s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: path, Conditions: &storageapi.Conditions{
			LockTokens: []string{token}, IfLists: []*storageapi.IfList{list},
		}})
		return err
	}
	s.wants(412, put("/d/f", "/d/f", token, "wrong"))
	s.wants(412, put("/d/f", "/d/f", "urn:uuid:wrong", ""))
	s.wants(412, put("/d/f", "/elsewhere", token, ""))
	s.wants(412, put("/d/f", "not a path", token, ""))
	s.must(put("/d/f", "/d/f", token, etag))
	s.must(put("/d/f", "/d", token, ""))
	s.must(put("/d/new", "/d/new", token, ""))
}

func TestARefusalNamesTheLockThatIsInTheWay(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	token := s.mustLock("/d", true, true)
	_, another := s.lock("/d/new", true, false)
	_, own := s.lock("/d/new", true, false, token)
	for name, test := range map[string]struct {
		err      error
		conflict bool
	}{
		"a change below":                    {s.tryPut("/d/new"), false},
		"a lock below":                      {another, true},
		"a lock below by the owner of both": {own, true},
		"a lock around it":                  {func() error { _, err := s.lock("/", false, true); return err }(), true},
	} {
		path, conflict, ok := storageapi.LockedPath(test.err.Error())
		if path != "/d" || conflict != test.conflict || !ok {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}
