package login

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

func newSigner(t testing.TB) (*token.Signer, *token.Verifier) {
	t.Helper()
	keys, err := token.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := keys.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// people answers questions: a user's password is the name with "-secret".
type people struct {
	asked atomic.Int64
	err   error
}

func (p *people) ask(_ context.Context, username, password string) (token.Claims, error) {
	p.asked.Add(1)
	if p.err != nil {
		return token.Claims{}, p.err
	}
	if password != username+"-secret" {
		return token.Claims{}, ErrWrong
	}
	return token.Claims{Subject: "id-" + username, Username: username, Service: "proxy"}, nil
}

// fixture is an authenticator with a hand-driven clock, which also sleeping drives.
type fixture struct {
	*Authenticator
	people *people
	at     time.Time
	slept  time.Duration
}

func newFixture(t testing.TB) *fixture {
	signer, _ := newSigner(t)
	f := &fixture{people: &people{}, at: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	f.Authenticator = newAuthenticator(f.people.ask, signer, func() time.Time { return f.at }, func(d time.Duration) {
		f.at = f.at.Add(d)
		f.slept += d
	})
	return f
}

func (f *fixture) try(t testing.TB, username, password, address string) error {
	passport, err := f.Authenticate(t.Context(), username, password, address)
	if err == nil && passport.Claims.Username != username {
		t.Errorf("%s got the passport of %s", username, passport.Claims.Username)
	}
	return err
}
