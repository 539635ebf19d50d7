package login

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// usersStub is the users service, as its client sees it.
type usersStub struct {
	usersapi.UsersService
	answers []error // one after the other; then the user
	asked   int
}

func (u *usersStub) Authenticate(context.Context, *usersapi.AuthenticateRequest, ...client.CallOption) (*usersapi.User, error) {
	u.asked++
	if len(u.answers) > 0 {
		err := u.answers[0]
		u.answers = u.answers[1:]
		return nil, err
	}
	return &usersapi.User{Id: "1", Username: "alice", DisplayName: "Alice", Email: "alice@example.org"}, nil
}

func TestAskingIsRepeatedOnlyWhenNobodyAnswered(t *testing.T) {
	signer, _ := newSigner(t)
	self := NewPassport(signer, token.Claims{Service: "proxy"})
	broken := microerrors.New("go.micro.client", "error reading from server: EOF", http.StatusServiceUnavailable)
	busy := microerrors.New("users", "too many", http.StatusServiceUnavailable)
	for name, test := range map[string]struct {
		answers []error
		asked   int
		wrong   bool
		fails   bool
	}{
		"answered":             {nil, 1, false, false},
		"wrong":                {[]error{microerrors.Unauthorized("users", "wrong")}, 1, true, true},
		"killed in between":    {[]error{broken, broken}, 3, false, false},
		"busy":                 {[]error{busy}, 2, false, false},
		"killed, then wrong":   {[]error{broken, microerrors.Unauthorized("users", "wrong")}, 2, true, true},
		"stopped":              {[]error{microerrors.New("stopped", "does not run", http.StatusServiceUnavailable)}, 1, false, true},
		"our token is refused": {[]error{microerrors.Unauthorized(token.ErrorID, "expired")}, 1, false, true},
		"we may not ask":       {[]error{microerrors.Forbidden("users", "not allowed")}, 1, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stub := &usersStub{answers: test.answers}
				claims, err := AskUsers(stub, self)(t.Context(), "alice", "alice-secret")
				if errors.Is(err, ErrWrong) != test.wrong || (err != nil) != test.fails || stub.asked != test.asked {
					t.Errorf("got %v after %d questions", err, stub.asked)
				}
				if want := (token.Claims{Subject: "1", Username: "alice", DisplayName: "Alice", Email: "alice@example.org", Service: "proxy"}); err == nil && claims != want {
					t.Errorf("claims %+v", claims)
				}
			})
		})
	}
}

func TestAskingEndsWithItsDeadlineAndSaysWhy(t *testing.T) {
	signer, _ := newSigner(t)
	self := NewPassport(signer, token.Claims{Service: "proxy"})
	synctest.Test(t, func(t *testing.T) {
		stub := &usersStub{}
		for range 1000 {
			stub.answers = append(stub.answers, microerrors.New("go.micro.client", "connection refused", http.StatusServiceUnavailable))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := AskUsers(stub, self)(ctx, "alice", "alice-secret")
		if err == nil || !strings.Contains(err.Error(), "connection refused") || stub.asked > 20 {
			t.Errorf("got %v after %d questions", err, stub.asked)
		}
	})
}
