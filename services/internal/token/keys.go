package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Section is the section of ocis.yaml that holds the keys.
const Section = "token"

// SigningVariable is the environment variable of the signing key.
const SigningVariable = "OCIS_TOKEN_SIGNING_KEY"

// Settings are the keys: only those who sign read the first.
type Settings struct {
	SigningKey   string `yaml:"signing_key" env:"OCIS_TOKEN_SIGNING_KEY" secret:"true" allowed:"a base64 Ed25519 seed of 32 bytes" desc:"signs internal tokens"`
	VerifyingKey string `yaml:"verifying_key" env:"OCIS_TOKEN_VERIFYING_KEY" allowed:"a base64 Ed25519 public key of 32 bytes" desc:"verifies internal tokens"`
}

// Validate checks that two keys that are there belong together: with others every service
// would start, and refuse every request.
func (s Settings) Validate() error {
	seed, err := base64.StdEncoding.DecodeString(s.SigningKey)
	public, err2 := base64.StdEncoding.DecodeString(s.VerifyingKey)
	if err != nil || err2 != nil || len(seed) != ed25519.SeedSize || len(public) != ed25519.PublicKeySize {
		return nil // who needs a key says what is wrong with it
	}
	if ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(public)) {
		return nil
	}
	return &config.Invalid{Key: "verifying_key", Problem: fmt.Sprintf(
		"it does not belong to %s.signing_key: take both from one file that \"ocis init\" wrote", Section)}
}

// NewKeys returns a new random pair as Settings hold it.
func NewKeys() (Settings, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Settings{}, fmt.Errorf("make the keys of the internal token: %w", err)
	}
	return Settings{
		SigningKey:   base64.StdEncoding.EncodeToString(private.Seed()),
		VerifyingKey: base64.StdEncoding.EncodeToString(public),
	}, nil
}

// decode returns the 32 bytes of a key. The key itself never shows in the error.
func decode(text, name, variable string, size int) ([]byte, error) {
	if text == "" {
		return nil, fmt.Errorf("%s.%s is not set: set %s, or let \"ocis init\" write an ocis.yaml; move one without it away first", Section, name, variable)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != size {
		return nil, fmt.Errorf("%s.%s is not a key: %d bytes in base64 are needed, as \"ocis init\" writes them", Section, name, size)
	}
	return key, nil
}
