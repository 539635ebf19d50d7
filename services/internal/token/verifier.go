package token

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// ErrInvalid is what Verify's errors wrap: no token, a forged or an expired one.
var ErrInvalid = errors.New("no valid internal token")

// generationSize bounds the cache of verified tokens: two generations of that many.
const generationSize = 2048

// Verifier checks tokens. It remembers those it has verified until they expire, so that
// a token costs its signature's verification once. It is safe for concurrent use.
type Verifier struct {
	key    ed25519.PublicKey
	parser *jwt.Parser
	now    func() time.Time
	size   int // of a generation

	mu sync.RWMutex
	// A full generation becomes the older one, and that is forgotten: no order of use
	// has to be kept on the path of each request.
	young, old map[string]verified
}

type verified struct {
	claims  Claims
	expires time.Time
}

// NewVerifier reads token.verifying_key.
func NewVerifier(src *config.Source) (*Verifier, error) {
	settings, err := read(src)
	if err != nil {
		return nil, err
	}
	return settings.Verifier()
}

// Verifier returns a verifier with the verifying key.
func (s Settings) Verifier() (*Verifier, error) {
	key, err := decode(s.VerifyingKey, "verifying_key", "OCIS_TOKEN_VERIFYING_KEY", ed25519.PublicKeySize)
	if err != nil {
		return nil, err
	}
	return newVerifier(key, time.Now), nil
}

func newVerifier(key ed25519.PublicKey, now func() time.Time) *Verifier {
	return &Verifier{
		key: key,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(now),
		),
		now:   now,
		size:  generationSize,
		young: make(map[string]verified),
	}
}

// Verify returns a token's claims. Its errors wrap ErrInvalid and say why.
func (v *Verifier) Verify(text string) (Claims, error) {
	if known, ok := v.recall(text); ok {
		if v.now().Before(known.expires) {
			return known.claims, nil
		}
		return Claims{}, fmt.Errorf("%w: it has expired", ErrInvalid)
	}
	if text == "" {
		return Claims{}, fmt.Errorf("%w: none was sent", ErrInvalid)
	}
	var w wire
	if _, err := v.parser.ParseWithClaims(text, &w, func(*jwt.Token) (any, error) { return v.key, nil }); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if w.Service == "" {
		return Claims{}, fmt.Errorf("%w: it does not say who signed it", ErrInvalid)
	}
	claims := w.claims()
	v.remember(text, verified{claims: claims, expires: w.ExpiresAt.Time})
	return claims, nil
}

func (v *Verifier) recall(text string) (verified, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	known, ok := v.young[text]
	if !ok {
		known, ok = v.old[text]
	}
	return known, ok
}

func (v *Verifier) remember(text string, fresh verified) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.young) >= v.size {
		v.old, v.young = v.young, make(map[string]verified)
	}
	v.young[text] = fresh
}
