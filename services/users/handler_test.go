package users

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
	"github.com/owncloud/ocis-runtime/services/users/internal/password"
	"github.com/owncloud/ocis-runtime/services/users/internal/store"
)

var (
	proxy    = token.Claims{Service: "proxy"}
	operator = token.Claims{Service: token.Operator}
	nobody   = token.Claims{Service: token.Nobody}
)

// newHandler returns a handler over a new store with the users admin and alice.
func newHandler(t *testing.T) *handler {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	hasher := password.NewHasher(password.Params{MemoryKiB: 64, Iterations: 1, Lanes: 1}, 2)
	s := &service{settings: Settings{AdminPassword: "admin-secret"}}
	users, err := store.Open(filepath.Join(t.TempDir(), "users.db"), func() (store.User, error) {
		return s.firstUser(t.Context(), hasher)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { users.Close() })
	h := &handler{store: users, hasher: hasher, log: logrus.NewEntry(log), changed: func(string) {}}
	create(t, h, "alice")
	return h
}

func as(t *testing.T, claims token.Claims) context.Context {
	return token.NewContext(t.Context(), claims)
}

func create(t *testing.T, h *handler, username string) *usersapi.User {
	t.Helper()
	var user usersapi.User
	request := &usersapi.CreateRequest{Username: username, Password: username + "-secret", Email: username + "@example.org"}
	if err := h.Create(as(t, operator), request, &user); err != nil {
		t.Fatal(err)
	}
	return &user
}

// code returns the status that an error tells the caller; 0 for none.
func code(err error) int32 {
	if err == nil {
		return 0
	}
	return errors.FromError(err).Code
}

func TestThePasswordDecides(t *testing.T) {
	h := newHandler(t)
	for name, test := range map[string]struct {
		username, password string
		code               int32
	}{
		"right":                     {"alice", "alice-secret", 0},
		"the name in another case":  {"ALICE", "alice-secret", 0},
		"the first user":            {"admin", "admin-secret", 0},
		"wrong":                     {"alice", "alice-secret ", 401},
		"another user's":            {"alice", "admin-secret", 401},
		"unknown name":              {"bob", "alice-secret", 401},
		"empty":                     {"alice", "", 401},
		"empty for an unknown name": {"bob", "", 401},
		"too long":                  {"alice", strings.Repeat("x", maxPassword+1), 401},
		"no name":                   {"", "alice-secret", 401},
		"a name that is a path":     {"../alice", "alice-secret", 401},
	} {
		t.Run(name, func(t *testing.T) {
			var user usersapi.User
			err := h.Authenticate(as(t, proxy), &usersapi.AuthenticateRequest{Username: test.username, Password: test.password}, &user)
			if code(err) != test.code {
				t.Fatalf("got %v, want code %d", err, test.code)
			}
			if test.code == 0 && (user.Id == "" || !strings.EqualFold(user.Username, test.username)) {
				t.Errorf("got %+v", &user)
			}
			if test.code != 0 && (user.Id != "" || err != errWrongPassword) {
				t.Errorf("a refusal tells %+v, %v", &user, err)
			}
		})
	}
}

func TestWhoMayCallWhat(t *testing.T) {
	h := newHandler(t)
	var alice usersapi.User
	if err := h.Get(as(t, operator), &usersapi.GetRequest{Username: "alice"}, &alice); err != nil {
		t.Fatal(err)
	}
	self := token.Claims{Subject: alice.Id, Username: "alice", Service: "proxy"}
	other := token.Claims{Subject: "another-id", Username: "mallory", Service: "proxy"}
	authenticate := func(ctx context.Context) error {
		return h.Authenticate(ctx, &usersapi.AuthenticateRequest{Username: "alice", Password: "alice-secret"}, &usersapi.User{})
	}
	get := func(ctx context.Context) error {
		return h.Get(ctx, &usersapi.GetRequest{Id: alice.Id}, &usersapi.User{})
	}
	getUnknown := func(ctx context.Context) error {
		return h.Get(ctx, &usersapi.GetRequest{Username: "bob"}, &usersapi.User{})
	}
	managing := map[string]func(context.Context) error{
		"list": func(ctx context.Context) error { return h.List(ctx, nil, &usersapi.ListResponse{}) },
		"create": func(ctx context.Context) error {
			return h.Create(ctx, &usersapi.CreateRequest{Username: "x"}, &usersapi.User{})
		},
		"set password": func(ctx context.Context) error {
			return h.SetPassword(ctx, &usersapi.SetPasswordRequest{Username: "alice"}, &usersapi.User{})
		},
		"delete":       func(ctx context.Context) error { return h.Delete(ctx, &usersapi.DeleteRequest{}, nil) },
		"list groups":  func(ctx context.Context) error { return h.ListGroups(ctx, nil, &usersapi.ListGroupsResponse{}) },
		"create group": func(ctx context.Context) error { return h.CreateGroup(ctx, &usersapi.CreateGroupRequest{}, nil) },
		"delete group": func(ctx context.Context) error { return h.DeleteGroup(ctx, &usersapi.DeleteGroupRequest{}, nil) },
		"add member":   func(ctx context.Context) error { return h.AddMember(ctx, &usersapi.MemberRequest{}, nil) },
		"remove member": func(ctx context.Context) error {
			return h.RemoveMember(ctx, &usersapi.MemberRequest{}, nil)
		},
	}
	type try struct {
		name   string
		call   func(context.Context) error
		caller token.Claims
		code   int32
	}
	tries := []try{
		{"authenticate by the proxy", authenticate, proxy, 0},
		{"authenticate by the operator", authenticate, operator, 403},
		{"authenticate with a user's token", authenticate, self, 403},
		{"authenticate by another service", authenticate, nobody, 403},
		{"get by the proxy", get, proxy, 0},
		{"get by the operator", get, operator, 0},
		{"get by the user", get, self, 0},
		{"get by another user", get, other, 403},
		{"get of nobody by the proxy", getUnknown, proxy, 404},
		{"get of nobody by another user", getUnknown, other, 403},
		{"get by nobody", get, nobody, 403},
	}
	for name, call := range managing {
		for _, caller := range []token.Claims{proxy, self, other, nobody} {
			tries = append(tries, try{name + " by " + describe(caller), call, caller, 403})
		}
	}
	for _, test := range tries {
		t.Run(test.name, func(t *testing.T) {
			if err := test.call(as(t, test.caller)); code(err) != test.code {
				t.Errorf("got %v, want code %d", err, test.code)
			}
			if err := test.call(t.Context()); code(err) != 401 {
				t.Errorf("without a token: %v", err)
			}
		})
	}
}

func TestOnlySafeInputMakesAUser(t *testing.T) {
	h := newHandler(t)
	for name, test := range map[string]struct {
		request *usersapi.CreateRequest
		code    int32
	}{
		"all kinds of characters": {&usersapi.CreateRequest{Username: "A.b_c-9@example.org", Password: "x"}, 0},
		"longest":                 {&usersapi.CreateRequest{Username: strings.Repeat("a", 64), Password: strings.Repeat("x", 1024)}, 0},
		"exists":                  {&usersapi.CreateRequest{Username: "Alice", Password: "x"}, 409},
		"no name":                 {&usersapi.CreateRequest{Password: "x"}, 400},
		"too long":                {&usersapi.CreateRequest{Username: strings.Repeat("a", 65), Password: "x"}, 400},
		"slash":                   {&usersapi.CreateRequest{Username: "a/b", Password: "x"}, 400},
		"dots":                    {&usersapi.CreateRequest{Username: "..", Password: "x"}, 400},
		"colon":                   {&usersapi.CreateRequest{Username: "a:b", Password: "x"}, 400},
		"space":                   {&usersapi.CreateRequest{Username: "a b", Password: "x"}, 400},
		"no ASCII":                {&usersapi.CreateRequest{Username: "älice", Password: "x"}, 400},
		"NUL":                     {&usersapi.CreateRequest{Username: "a\x00", Password: "x"}, 400},
		"no password":             {&usersapi.CreateRequest{Username: "bob"}, 400},
		"password too long":       {&usersapi.CreateRequest{Username: "bob", Password: strings.Repeat("x", 1025)}, 400},
		"newline in the name":     {&usersapi.CreateRequest{Username: "bob", Password: "x", DisplayName: "B\nob"}, 400},
		"long address":            {&usersapi.CreateRequest{Username: "bob", Password: "x", Email: strings.Repeat("x", 255)}, 400},
		"unknown group":           {&usersapi.CreateRequest{Username: "bob", Password: "x", Groups: []string{"none"}}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if err := h.Create(as(t, operator), test.request, &usersapi.User{}); code(err) != test.code {
				t.Errorf("got %v, want code %d", err, test.code)
			}
		})
	}
}

func TestALifeOfAUser(t *testing.T) {
	h := newHandler(t)
	authenticate := func(password string) int32 {
		return code(h.Authenticate(as(t, proxy), &usersapi.AuthenticateRequest{Username: "bob", Password: password}, &usersapi.User{}))
	}
	bob := create(t, h, "bob")
	if bob.Id == "" || bob.DisplayName != "bob" || bob.CreatedUnix == 0 {
		t.Errorf("created %+v", bob)
	}
	if err := h.SetPassword(as(t, operator), &usersapi.SetPasswordRequest{Username: "bob", Password: "new"}, &usersapi.User{}); err != nil {
		t.Fatal(err)
	}
	if old, new := authenticate("bob-secret"), authenticate("new"); old != 401 || new != 0 {
		t.Errorf("after the change: old password %d, new one %d", old, new)
	}
	var list usersapi.ListResponse
	if err := h.List(as(t, operator), nil, &list); err != nil || len(list.Users) != 3 || list.Users[2].Username != "bob" {
		t.Errorf("listed %v, %v", list.Users, err)
	}
	if err := h.Delete(as(t, operator), &usersapi.DeleteRequest{Username: "bob"}, nil); err != nil {
		t.Fatal(err)
	}
	if got := authenticate("new"); got != 401 {
		t.Errorf("after deletion: %d", got)
	}
	if err := h.Delete(as(t, operator), &usersapi.DeleteRequest{Username: "bob"}, nil); code(err) != 404 {
		t.Errorf("deleted again: %v", err)
	}
	if again := create(t, h, "bob"); again.Id == bob.Id {
		t.Error("a new user has the id of a deleted one")
	}
}

func TestWhoRemembersAnAccountIsToldOfEachChangeOfALogin(t *testing.T) {
	h := newHandler(t)
	var told []string
	h.changed = func(id string) { told = append(told, id) }
	bob := create(t, h, "bob")
	if err := h.SetPassword(as(t, operator), &usersapi.SetPasswordRequest{Username: "BOB", Password: "new"}, &usersapi.User{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Delete(as(t, operator), &usersapi.DeleteRequest{Username: "BOB"}, nil); err != nil {
		t.Fatal(err)
	}
	if len(told) != 3 || told[0] != bob.Id || told[1] != bob.Id || told[2] != bob.Id {
		t.Errorf("told %v, want %s for each of its three changes", told, bob.Id)
	}
	told = nil
	_ = h.Create(as(t, operator), &usersapi.CreateRequest{Username: "not a name!", Password: "x"}, &usersapi.User{})
	_ = h.Delete(as(t, operator), &usersapi.DeleteRequest{Username: "nobody"}, nil)
	_ = h.SetPassword(as(t, nobody), &usersapi.SetPasswordRequest{Username: "alice", Password: "new"}, &usersapi.User{})
	if len(told) > 0 {
		t.Errorf("told of what was refused: %v", told)
	}
}

func TestALifeOfAGroup(t *testing.T) {
	h := newHandler(t)
	var group usersapi.Group
	if err := h.CreateGroup(as(t, operator), &usersapi.CreateGroupRequest{Name: "Staff"}, &group); err != nil || group.Name != "Staff" {
		t.Fatalf("created %v, %v", &group, err)
	}
	if err := h.AddMember(as(t, operator), &usersapi.MemberRequest{Group: "staff", Username: "alice"}, &group); err != nil || len(group.Members) != 1 {
		t.Fatalf("added: %v, %v", &group, err)
	}
	var alice usersapi.User
	if err := h.Authenticate(as(t, proxy), &usersapi.AuthenticateRequest{Username: "alice", Password: "alice-secret"}, &alice); err != nil || len(alice.Groups) != 1 || alice.Groups[0] != "Staff" {
		t.Errorf("alice is in %v, %v", alice.Groups, err)
	}
	var groups usersapi.ListGroupsResponse
	if err := h.ListGroups(as(t, operator), nil, &groups); err != nil || len(groups.Groups) != 1 || groups.Groups[0].Members[0] != "alice" {
		t.Errorf("listed %v, %v", groups.Groups, err)
	}
	if err := h.RemoveMember(as(t, operator), &usersapi.MemberRequest{Group: "staff", Username: "alice"}, &group); err != nil || len(group.Members) != 0 {
		t.Errorf("removed: %v, %v", &group, err)
	}
	if err := h.DeleteGroup(as(t, operator), &usersapi.DeleteGroupRequest{Name: "staff"}, nil); err != nil {
		t.Error(err)
	}
	if err := h.CreateGroup(as(t, operator), &usersapi.CreateGroupRequest{Name: "a/b"}, &group); code(err) != http.StatusBadRequest {
		t.Errorf("a bad name: %v", err)
	}
}

func TestAQueueThatIsFullSaysSo(t *testing.T) {
	h := newHandler(t)
	if got := code(h.answer(password.ErrBusy)); got != http.StatusServiceUnavailable {
		t.Errorf("got %d", got)
	}
	if got := code(h.answer(context.DeadlineExceeded)); got != http.StatusRequestTimeout {
		t.Errorf("got %d", got)
	}
}

func TestAFirstStartWithoutAPasswordNamesTheRemedy(t *testing.T) {
	s := &service{}
	_, err := s.firstUser(t.Context(), password.NewHasher(password.Recommended, 1))
	if err == nil || !strings.Contains(err.Error(), "IDM_ADMIN_PASSWORD") {
		t.Errorf("got %v", err)
	}
}
