package login

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"github.com/owncloud/ocis-runtime/services/internal/memo"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// What Authenticate refuses with. Any other error means that nobody could be asked.
var (
	ErrWrong   = errors.New("wrong user name or password")
	ErrLimited = errors.New("too many wrong passwords: try again in a few seconds")
)

const (
	remembered = 4096 // entries at least, of each kind
	rightFor   = time.Minute
	wrongFor   = 5 * time.Second
	// trustedFor: whoever was right once is not held up by others who try in their
	// name or from their address.
	trustedFor = 24 * time.Hour
	// askFor bounds one question to the users service, with repetitions.
	askFor = 10 * time.Second
)

// Ask asks whose name and password these are. Its error is ErrWrong, or says why nobody
// could be asked.
type Ask func(ctx context.Context, username, password string) (token.Claims, error)

// Authenticator remembers answers of the users service. It is safe for concurrent use.
type Authenticator struct {
	ask    Ask
	signer *token.Signer
	now    func() time.Time
	sleep  func(time.Duration)

	sealer   *sealer
	right    *memo.Memo[credential, *Passport]
	wrong    *memo.Memo[credential, struct{}]
	trusted  *memo.Memo[credential, string] // id of the user
	attempts *attempts
	asking   singleflight.Group

	mu        sync.Mutex // of what is remembered after an answer
	forgotten uint64     // how often something was forgotten
}

// NewAuthenticator returns an authenticator that asks and signs.
func NewAuthenticator(ask Ask, signer *token.Signer) *Authenticator {
	return newAuthenticator(ask, signer, time.Now, time.Sleep)
}

func newAuthenticator(ask Ask, signer *token.Signer, now func() time.Time, sleep func(time.Duration)) *Authenticator {
	return &Authenticator{
		ask:      ask,
		signer:   signer,
		now:      now,
		sleep:    sleep,
		sealer:   newSealer(),
		right:    memo.New[credential, *Passport](remembered, now),
		wrong:    memo.New[credential, struct{}](remembered, now),
		trusted:  memo.New[credential, string](remembered, now),
		attempts: newAttempts(now),
	}
}

// Authenticate returns the passport of the user with that name and password. It blocks
// while the users service is asked, which happens once for requests that come at the
// same time with the same credential, and for some seconds before when there were many
// wrong ones.
func (a *Authenticator) Authenticate(ctx context.Context, username, password, address string) (*Passport, error) {
	c := a.sealer.seal(username, password)
	if passport, ok := a.right.Get(c); ok {
		return passport, nil
	}
	if _, ok := a.wrong.Get(c); ok {
		return nil, ErrWrong
	}
	// What cannot travel in a message cannot be right.
	if !utf8.ValidString(username) || !utf8.ValidString(password) {
		return nil, ErrWrong
	}
	result, err, _ := a.asking.Do(string(c[:]), func() (any, error) {
		if passport, ok := a.right.Get(c); ok { // answered since
			return passport, nil
		}
		return a.verify(ctx, c, username, password, address)
	})
	if err != nil {
		return nil, err
	}
	return result.(*Passport), nil
}

// verify asks, and remembers the answer.
func (a *Authenticator) verify(ctx context.Context, c credential, username, password, address string) (*Passport, error) {
	undo := func() {}
	if _, ok := a.trusted.Get(c); !ok {
		var wait time.Duration
		if wait, undo, ok = a.attempts.begin(username, address); !ok {
			return nil, ErrLimited
		}
		a.sleep(wait)
	}
	// Others wait for the same answer: it must not be lost with the first who asked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	before := a.forgets()
	claims, err := a.ask(ctx, username, password)
	if errors.Is(err, ErrWrong) {
		a.remember(before, func() { a.wrong.Put(c, struct{}{}, a.now().Add(wrongFor)) })
		return nil, err
	}
	undo()
	if err != nil {
		return nil, err
	}
	a.attempts.right(address)
	passport := newPassport(a.signer, claims, a.now)
	a.remember(before, func() {
		a.right.Put(c, passport, a.now().Add(rightFor))
		a.trusted.Put(c, claims.Subject, a.now().Add(trustedFor))
	})
	return passport, nil
}

// Forget forgets all answers about the user of that id, who was deleted or has another
// password. Requests that are let in already go on.
func (a *Authenticator) Forget(id string) {
	a.forget(func(user string) bool { return user == id })
}

// ForgetAll forgets all answers.
func (a *Authenticator) ForgetAll() {
	a.forget(func(string) bool { return true })
}

func (a *Authenticator) forget(match func(user string) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgotten++
	a.right.Forget(func(p *Passport) bool { return match(p.Claims.Subject) })
	a.trusted.Forget(match)
	a.wrong.Forget(func(struct{}) bool { return true }) // it is not known whose they are
}

func (a *Authenticator) forgets() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.forgotten
}

// remember puts an answer into memory, unless something was forgotten since the question:
// the answer may be of before.
func (a *Authenticator) remember(before uint64, put func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.forgotten == before {
		put()
	}
}
