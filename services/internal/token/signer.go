package token

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Signer makes tokens. It is safe for concurrent use.
type Signer struct {
	key ed25519.PrivateKey
	now func() time.Time
}

// NewSigner reads token.signing_key.
func NewSigner(src *config.Source) (*Signer, error) {
	var settings Settings
	if err := src.Fill(Section, &settings); err != nil {
		return nil, err
	}
	return settings.Signer()
}

// Signer returns a signer with the signing key.
func (s Settings) Signer() (*Signer, error) {
	seed, err := decode(s.SigningKey, "signing_key", SigningVariable, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return &Signer{key: ed25519.NewKeyFromSeed(seed), now: time.Now}, nil
}

// Sign returns a token that is valid for Lifetime. It costs some ten microseconds, so
// callers with many requests of one user reuse it.
func (s *Signer) Sign(claims Claims) (string, error) { return s.sign(claims, Lifetime) }

// SignUpload returns a token that is valid for UploadLifetime. It goes with requests
// that carry content: a service behind verifies it again once all content has come.
func (s *Signer) SignUpload(claims Claims) (string, error) { return s.sign(claims, UploadLifetime) }

func (s *Signer) sign(claims Claims, lifetime time.Duration) (string, error) {
	now := s.now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, &wire{
		Username:    claims.Username,
		DisplayName: claims.DisplayName,
		Email:       claims.Email,
		Service:     claims.Service,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   claims.Subject,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
	}).SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign an internal token: %w", err)
	}
	return signed, nil
}
