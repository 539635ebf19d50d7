package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
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

// from returns one of many addresses, each of another network.
func from(i int) string { return fmt.Sprintf("192.0.%d.%d", i/200, i%200) }

func TestTriesAtOneMomentAreLimited(t *testing.T) {
	for name, test := range map[string]struct {
		username, address func(i int) string
		pace              pace
	}{
		"for one user from one network": {
			func(int) string { return "alice" }, func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, ofPerson,
		},
		"for one user in any case": {
			func(i int) string { return [...]string{"alice", "ALICE"}[i%2] }, func(int) string { return "192.0.2.1" }, ofPerson,
		},
		"for everybody from one address": {
			func(i int) string { return fmt.Sprint("user", i) }, func(int) string { return "192.0.2.1" }, ofNetwork,
		},
		"for everybody from everywhere": {
			func(i int) string { return fmt.Sprint("user", i) }, from, ofAll,
		},
		"for one user from everywhere": {
			func(int) string { return "alice" }, from, ofAll,
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
			a := newAttempts(func() time.Time { return at })
			most := test.pace.atOnce + int(maxWait/test.pace.every)
			for i := range 2 * most {
				wait, _, ok := a.begin(test.username(i), test.address(i))
				if want := max(0, time.Duration(i+1-test.pace.atOnce)*test.pace.every); ok != (want <= maxWait) || ok && wait != want {
					t.Fatalf("try %d: waits %s, %v, want %s", i, wait, ok, want)
				}
			}
			at = at.Add(time.Duration(most) * test.pace.every)
			if wait, _, ok := a.begin(test.username(0), test.address(0)); !ok || wait != 0 {
				t.Errorf("later: waits %s, %v", wait, ok)
			}
		})
	}
}

func TestGuessingGetsSlow(t *testing.T) {
	f := newFixture(t)
	const guesses = 100
	for i := range guesses {
		if err := f.try(t, "alice", fmt.Sprint("wrong", i), "192.0.2.1"); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	if least := time.Duration(guesses-ofPerson.atOnce-1) * ofPerson.every; f.slept < least {
		t.Errorf("%d guesses took %s", guesses, f.slept)
	}
}

func TestNobodyCanLockAnybodyOut(t *testing.T) {
	f := newFixture(t)
	for i := range 2 * flood {
		_ = f.try(t, "alice", fmt.Sprint("wrong", i), from(i%3))
	}
	f.slept = 0
	if err := f.try(t, "alice", "alice-secret", "198.51.100.1"); err != nil || f.slept != 0 {
		t.Errorf("from elsewhere: %v after %s", err, f.slept)
	}
	if err := f.try(t, "alice", "alice-secret", from(0)); err != nil || f.slept > maxWait {
		t.Errorf("from the network of those who guess: %v after %s", err, f.slept)
	}
}

func TestAFloodOfGuessesDoesNotReachWhereSomebodyWasRight(t *testing.T) {
	f := newFixture(t)
	if err := f.try(t, "alice", "alice-secret", "198.51.100.1"); err != nil {
		t.Fatal(err)
	}
	for i := range flood { // at one moment
		_, _, _ = f.attempts.begin(fmt.Sprint("user", i), from(i))
	}
	if err := f.try(t, "bob", "bob-secret", "203.0.113.1"); !errors.Is(err, ErrLimited) {
		t.Errorf("somebody new: %v", err)
	}
	if err := f.try(t, "carol", "carol-secret", "198.51.100.1"); err != nil || f.slept != 0 {
		t.Errorf("from alice's network: %v after %s", err, f.slept)
	}
}

func TestWhoWasRightOnceIsNotHeldUpByOthersWhoTry(t *testing.T) {
	f := newFixture(t)
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	f.at = f.at.Add(rightFor)
	for range flood { // at one moment
		_, _, _ = f.attempts.begin("alice", "192.0.2.1")
	}
	if err := f.try(t, "alice", "wrong", "192.0.2.1"); !errors.Is(err, ErrLimited) {
		t.Errorf("the next guess: %v", err)
	}
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil || f.slept != 0 {
		t.Errorf("alice herself: %v after %s", err, f.slept)
	}
}

func TestRightTriesAndUnansweredOnesDoNotCount(t *testing.T) {
	f := newFixture(t)
	for i := range 2 * ofNetwork.atOnce {
		name := fmt.Sprint("user", i)
		if err := f.try(t, name, name+"-secret", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	f.people.err = errors.New("nobody is there")
	for range 2 * ofPerson.atOnce {
		if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); !errors.Is(err, f.people.err) {
			t.Fatal(err)
		}
	}
	f.people.err = nil
	if err := f.try(t, "alice", "alice-secret", "192.0.2.1"); err != nil || f.slept != 0 {
		t.Errorf("once somebody is there: %v after %s", err, f.slept)
	}
}

func TestATokenIsSignedOncePerMinute(t *testing.T) {
	signer, verifier := newSigner(t)
	at := time.Now()
	p := newPassport(signer, token.Claims{Subject: "1", Service: "proxy"}, func() time.Time { return at })
	tokens := map[string]bool{}
	for range 3 {
		for range 10 {
			for _, get := range []func() (string, error){p.Token, p.UploadToken} {
				text, err := get()
				if err != nil {
					t.Fatal(err)
				}
				if claims, err := verifier.Verify(text); err != nil || claims != p.Claims {
					t.Errorf("it says %+v, %v", claims, err)
				}
				tokens[text] = true
			}
		}
		at = at.Add(reuse)
		p.signer, verifier = newSigner(t) // signs differently even within one second
	}
	if len(tokens) != 6 {
		t.Errorf("%d tokens in three minutes, want 3 of each kind", len(tokens))
	}
}

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
