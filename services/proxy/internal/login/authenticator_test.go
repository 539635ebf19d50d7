package login

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

func TestACredentialIsVerifiedOncePerMinute(t *testing.T) {
	f := newFixture(t)
	for minute := range 3 {
		for range 100 {
			if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil {
				t.Fatal(err)
			}
		}
		if asked := f.people.asked.Load(); asked != int64(minute+1) {
			t.Errorf("in minute %d: asked %d times", minute, asked)
		}
		f.at = f.at.Add(rightFor)
	}
}

func TestRequestsThatComeAtOnceAreVerifiedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signer, _ := newSigner(t)
		var asked atomic.Int64
		a := NewAuthenticator(func(context.Context, string, string) (token.Claims, error) {
			asked.Add(1)
			time.Sleep(40 * time.Millisecond) // what a hash takes
			return token.Claims{Username: "alice"}, nil
		}, signer)
		gone, leave := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for i := range 50 {
			ctx := t.Context()
			if i == 0 {
				ctx = gone // the client of the first one goes away
			}
			callers.Go(func() {
				if _, err := a.Authenticate(ctx, "alice", "alice-secret", "192.0.2.1"); err != nil {
					t.Error(err)
				}
			})
			if i == 0 {
				synctest.Wait()
			}
		}
		leave()
		callers.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestNamesAndPasswordsAreNotMixedUp(t *testing.T) {
	f := newFixture(t)
	if err := f.try(t, "ab", "ab-secret", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	for _, other := range [][2]string{{"ab", "ab-secre"}, {"a", "bab-secret"}, {"ab-", "secret"}, {"abab-secret", ""}, {"", "abab-secret"}, {"AB", "ab-secret"}} {
		if err := f.try(t, other[0], other[1], "192.0.2.1"); !errors.Is(err, ErrWrong) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

func TestAWrongPasswordIsRememberedAFewSeconds(t *testing.T) {
	f := newFixture(t)
	for range 100 {
		if err := f.try(t, "alice", "wrong", "192.0.2.1"); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	if asked := f.people.asked.Load(); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	f.at = f.at.Add(wrongFor)
	if err := f.try(t, "alice", "wrong", "192.0.2.1"); !errors.Is(err, ErrWrong) || f.people.asked.Load() != 2 {
		t.Errorf("afterwards: %v, asked %d times", err, f.people.asked.Load())
	}
}

func TestWhatCannotTravelIsWrongWithoutAsking(t *testing.T) {
	f := newFixture(t)
	for _, pair := range [][2]string{{"alice", "\xff"}, {"\xe4lice", "alice-secret"}} {
		if err := f.try(t, pair[0], pair[1], "192.0.2.1"); !errors.Is(err, ErrWrong) {
			t.Errorf("%q: %v", pair, err)
		}
	}
	if asked := f.people.asked.Load(); asked != 0 {
		t.Errorf("asked %d times", asked)
	}
}

// flood is more tries than any pace lets through at once.
const flood = 1000

func BenchmarkKnownCredential(b *testing.B) {
	f := newFixture(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.try(b, "alice", "alice-secret", "192.0.2.1"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAForgottenUserIsAskedForAgainAndNobodyElse(t *testing.T) {
	for name, test := range map[string]struct {
		forget func(a *Authenticator)
		asked  int64 // for alice and bob
	}{
		"one user":  {func(a *Authenticator) { a.Forget("id-alice") }, 1},
		"everybody": {(*Authenticator).ForgetAll, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			for _, user := range []string{"alice", "bob"} {
				if err := f.try(t, user, user+"-secret", "192.0.2.1"); err != nil {
					t.Fatal(err)
				}
			}
			before := f.people.asked.Load()
			test.forget(f.Authenticator)
			for _, user := range []string{"alice", "bob"} {
				if err := f.try(t, user, user+"-secret", "192.0.2.1"); err != nil {
					t.Fatal(err)
				}
			}
			if asked := f.people.asked.Load() - before; asked != test.asked {
				t.Errorf("asked %d times, want %d", asked, test.asked)
			}
		})
	}
}

func TestAnAnswerThatWasUnderWayWhenItsUserWasForgottenIsNotRemembered(t *testing.T) {
	signer, _ := newSigner(t)
	var a *Authenticator
	asked := 0
	a = NewAuthenticator(func(context.Context, string, string) (token.Claims, error) {
		if asked++; asked == 1 {
			a.Forget("id-alice") // while the users service answers
		}
		return token.Claims{Subject: "id-alice", Username: "alice"}, nil
	}, signer)
	for range 3 {
		if _, err := a.Authenticate(t.Context(), "alice", "alice-secret", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2: not from the memory of before, then once", asked)
	}
}

func TestANewPasswordIsNotHeldAgainstItsUserBecauseItWasWrongBefore(t *testing.T) {
	f := newFixture(t)
	f.people.err = ErrWrong
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); !errors.Is(err, ErrWrong) {
		t.Fatal(err)
	}
	f.people.err = nil
	f.Forget("id-alice")
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil {
		t.Errorf("after the change: %v", err)
	}
}
