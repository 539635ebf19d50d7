package token

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/memo"
)

// ErrInvalid is what Verify's errors wrap: no token, a forged or an expired one.
var ErrInvalid = errors.New("no valid internal token")

// remembered is how many verified tokens a Verifier remembers at least.
const remembered = 2048

// Verifier checks tokens. It remembers those it has verified until they expire, so that
// a token costs its signature's verification once. It is safe for concurrent use.
type Verifier struct {
	key    ed25519.PublicKey
	parser *jwt.Parser
	known  *memo.Memo[string, Claims]
}

// unchecked are Settings without their Validate. Who only verifies does not get the
// signing key, or not the one that belongs to the verifying key.
type unchecked Settings

// NewVerifier reads token.verifying_key.
func NewVerifier(src *config.Source) (*Verifier, error) {
	var settings unchecked
	if err := src.Fill(Section, &settings); err != nil {
		return nil, err
	}
	return Settings(settings).Verifier()
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
		known: memo.New[string, Claims](remembered, now),
	}
}

// Verify returns a token's claims. Its errors wrap ErrInvalid and say why.
func (v *Verifier) Verify(text string) (Claims, error) {
	if claims, ok := v.known.Get(text); ok {
		return claims, nil
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
	v.known.Put(text, claims, w.ExpiresAt.Time)
	return claims, nil
}
