package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func admin() (User, error) { return User{ID: "id-admin", Username: "admin"}, nil }

func never(t *testing.T) func() (User, error) {
	return func() (User, error) {
		t.Error("a first user is asked for although the store exists")
		return admin()
	}
}

func open(t *testing.T, path string, first func() (User, error)) *Store {
	t.Helper()
	s, err := Open(path, first)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t *testing.T) *Store {
	return open(t, filepath.Join(t.TempDir(), "users", "users.db"), admin)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, s *Store, username string) {
	t.Helper()
	if user, err := s.Delete(username); err != nil || !strings.EqualFold(user.Username, username) {
		t.Fatalf("removed %+v, %v", user, err)
	}
}

func names(users []User) string {
	var list []string
	for _, user := range users {
		list = append(list, user.Username)
	}
	return strings.Join(list, " ")
}

func TestTheFirstUserIsMadeOnceAndADeletedOneStaysAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users", "users.db")
	s := open(t, path, admin)
	if _, err := s.ByName("admin"); err != nil {
		t.Fatal(err)
	}
	remove(t, s, "admin")
	must(t, s.Close())
	s = open(t, path, never(t))
	if _, err := s.ByName("admin"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after deletion and a new start: %v", err)
	}
}

func TestAFailedFirstUserLeavesAStoreThatIsStillNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	if _, err := Open(path, func() (User, error) { return User{}, errors.New("no password") }); err == nil {
		t.Fatal("opened")
	}
	open(t, path, admin)
}

func TestAStoreThatIsCutOffIsOneClearLineAndNoPanic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	must(t, open(t, path, admin).Close())
	whole, err := os.ReadFile(path)
	must(t, err)
	for _, left := range []int{0x1000, 0x2000, 0x3000} {
		path := filepath.Join(t.TempDir(), "users.db")
		must(t, os.WriteFile(path, whole[:left], 0o600))
		_, err := Open(path, never(t))
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d bytes of %d: %v", left, len(whole), err)
		}
	}
}

func TestAStoreInUseIsOneClearLineInBoundedTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	open(t, path, admin)
	_, err := Open(path, never(t))
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyTheOwnerCanReadTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users", "users.db")
	open(t, path, admin)
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", name, got, want)
		}
	}
}

func TestUsersSurviveAClosedStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	s := open(t, path, admin)
	want := User{ID: "1", Username: "Alice", DisplayName: "Alice A.", Email: "alice@example.org", Password: "$hash"}
	must(t, s.Insert(want))
	must(t, s.Close())
	s = open(t, path, never(t))
	for _, find := range []func() (User, error){
		func() (User, error) { return s.ByName("Alice") },
		func() (User, error) { return s.ByName("aLICE") },
		func() (User, error) { return s.ByID("1") },
	} {
		if got, err := find(); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestNamesAreUniqueInAnyCase(t *testing.T) {
	s := fresh(t)
	must(t, s.Insert(User{ID: "1", Username: "alice"}))
	if err := s.Insert(User{ID: "2", Username: "ALICE"}); !errors.Is(err, ErrExists) {
		t.Errorf("user: %v", err)
	}
	must(t, s.InsertGroup("staff"))
	if err := s.InsertGroup("Staff"); !errors.Is(err, ErrExists) {
		t.Errorf("group: %v", err)
	}
}

func TestOfManyWhoTakeANameAtOnceOneGetsIt(t *testing.T) {
	s := fresh(t)
	var callers sync.WaitGroup
	won := make(chan string, 20)
	for i := range cap(won) {
		callers.Go(func() {
			id := fmt.Sprint(i)
			if err := s.Insert(User{ID: id, Username: "alice"}); err == nil {
				won <- id
			} else if !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d got it", len(won))
	}
	if user, err := s.ByName("alice"); err != nil || user.ID != <-won {
		t.Errorf("alice is %+v, %v", user, err)
	}
}

func TestListsAreByName(t *testing.T) {
	s := fresh(t)
	for i, name := range []string{"Zoe", "bob", "Alice"} {
		must(t, s.Insert(User{ID: fmt.Sprint(i), Username: name}))
		must(t, s.InsertGroup("of-"+name))
	}
	users, err := s.Users()
	if got := names(users); err != nil || got != "admin Alice bob Zoe" {
		t.Errorf("users %s, %v", got, err)
	}
	groups, err := s.Groups()
	var list []string
	for _, group := range groups {
		list = append(list, group.Name)
	}
	if err != nil || strings.Join(list, " ") != "of-Alice of-bob of-Zoe" {
		t.Errorf("groups %v, %v", list, err)
	}
}

func TestMembershipIsTheSameFromBothSides(t *testing.T) {
	s := fresh(t)
	must(t, s.InsertGroup("Staff"))
	must(t, s.Insert(User{ID: "1", Username: "alice", Groups: []string{"STAFF", "staff"}}))
	must(t, s.Insert(User{ID: "2", Username: "bob"}))
	for range 2 { // the second time changes nothing
		if group, err := s.AddMember("staff", "BOB"); err != nil || !slices.Equal(group.Members, []string{"alice", "bob"}) || group.Name != "Staff" {
			t.Errorf("after adding: %+v, %v", group, err)
		}
	}
	bob, err := s.ByName("bob")
	must(t, err)
	if given, err := s.GroupNames(bob.Groups); err != nil || !slices.Equal(given, []string{"Staff"}) {
		t.Errorf("bob is in %v, %v", given, err)
	}
	for range 2 {
		if group, err := s.RemoveMember("STAFF", "alice"); err != nil || !slices.Equal(group.Members, []string{"bob"}) {
			t.Errorf("after removing: %+v, %v", group, err)
		}
	}
	must(t, s.DeleteGroup("staff"))
	must(t, s.InsertGroup("staff"))
	if groups, err := s.Groups(); err != nil || len(groups) != 1 || len(groups[0].Members) != 0 {
		t.Errorf("a group made again has the members of the old one: %+v, %v", groups, err)
	}
}

func TestADeletedUsersNameMayBeTakenAgainByAStranger(t *testing.T) {
	s := fresh(t)
	must(t, s.InsertGroup("staff"))
	must(t, s.Insert(User{ID: "1", Username: "alice", Groups: []string{"staff"}}))
	remove(t, s, "Alice")
	must(t, s.Insert(User{ID: "2", Username: "alice"}))
	if _, err := s.ByID("1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old id: %v", err)
	}
	if groups, err := s.Groups(); err != nil || len(groups[0].Members) != 0 {
		t.Errorf("the new one inherited %+v, %v", groups, err)
	}
}

func TestWhatIsNotThereIsNotFoundAndNothingChanges(t *testing.T) {
	s := fresh(t)
	must(t, s.InsertGroup("staff"))
	for name, try := range map[string]func() error{
		"by name":                func() error { _, err := s.ByName("nobody"); return err },
		"by id":                  func() error { _, err := s.ByID("nobody"); return err },
		"empty id":               func() error { _, err := s.ByID(""); return err },
		"password":               func() error { _, err := s.SetPassword("nobody", "x"); return err },
		"delete":                 func() error { _, err := s.Delete("nobody"); return err },
		"delete group":           func() error { return s.DeleteGroup("none") },
		"member of no group":     func() error { _, err := s.AddMember("none", "admin"); return err },
		"no member":              func() error { _, err := s.AddMember("staff", "nobody"); return err },
		"remove from no group":   func() error { _, err := s.RemoveMember("none", "admin"); return err },
		"insert with no group":   func() error { return s.Insert(User{ID: "9", Username: "new", Groups: []string{"none"}}) },
		"it was not inserted":    func() error { _, err := s.ByName("new"); return err },
		"remove a no-user":       func() error { _, err := s.RemoveMember("staff", "nobody"); return err },
		"a name that is no name": func() error { _, err := s.ByName(""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := try(); !errors.Is(err, ErrNotFound) {
				t.Errorf("got %v", err)
			}
		})
	}
}
