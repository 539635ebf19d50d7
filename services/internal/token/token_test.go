package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// clock is a hand-driven time.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

// pair returns a signer and its verifier on one clock.
func pair(t testing.TB) (*Signer, *Verifier, *clock) {
	t.Helper()
	keys, err := NewKeys()
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
	c := &clock{at: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	signer.now = c.now
	return signer, newVerifier(verifier.key, c.now), c
}

var alice = Claims{Subject: "4711", Username: "alice", DisplayName: "Alice", Email: "alice@example.org", Service: "proxy"}

func sign(t testing.TB, s *Signer, claims Claims) string {
	t.Helper()
	text, err := s.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestASignedTokenGivesItsClaimsBack(t *testing.T) {
	signer, verifier, _ := pair(t)
	for name, claims := range map[string]Claims{"a user": alice, "nobody": {Service: "proxy"}} {
		t.Run(name, func(t *testing.T) {
			text := sign(t, signer, claims)
			for _, from := range []string{"signature", "cache"} {
				got, err := verifier.Verify(text)
				if err != nil || got != claims {
					t.Errorf("from the %s: got %+v, %v", from, got, err)
				}
			}
		})
	}
}

func TestATokenEndsWithItsLifetimeAlsoWhenItIsCached(t *testing.T) {
	signer, verifier, clock := pair(t)
	short := sign(t, signer, alice)
	unseen := sign(t, signer, Claims{Service: "cli"})
	long, err := signer.SignUpload(alice)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{short, long} {
		if _, err := verifier.Verify(text); err != nil {
			t.Fatal(err)
		}
	}
	clock.pass(Lifetime)
	for name, text := range map[string]string{"cached": short, "unseen": unseen} {
		if _, err := verifier.Verify(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s token after its lifetime: %v", name, err)
		}
	}
	if _, err := verifier.Verify(long); err != nil {
		t.Errorf("upload token: %v", err)
	}
	clock.pass(UploadLifetime)
	if _, err := verifier.Verify(long); !errors.Is(err, ErrInvalid) {
		t.Errorf("upload token after its lifetime: %v", err)
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	signer, verifier, clock := pair(t)
	stranger, _, _ := pair(t)
	stranger.now = clock.now
	good := sign(t, signer, alice)
	parts := strings.Split(good, ".")
	other := strings.Split(sign(t, signer, Claims{Subject: "1", Service: "cli"}), ".")
	never := wire{Service: "proxy"}
	withKey := func(method jwt.SigningMethod, claims jwt.Claims, key any) string {
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	lasting := wire{Service: "proxy", RegisteredClaims: jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(clock.at.Add(time.Hour))}}
	nameless := wire{RegisteredClaims: lasting.RegisteredClaims}
	for name, text := range map[string]string{
		"empty":                            "",
		"no token":                         "Basic YWxpY2U6c2VjcmV0",
		"another key":                      sign(t, stranger, alice),
		"other claims, same signature":     parts[0] + "." + other[1] + "." + parts[2],
		"cut off":                          good[:len(good)-4],
		"no signature":                     withKey(jwt.SigningMethodNone, &lasting, jwt.UnsafeAllowNoneSignatureType),
		"the public key as an HMAC secret": withKey(jwt.SigningMethodHS256, &lasting, []byte(verifier.key)),
		"it never expires":                 withKey(jwt.SigningMethodEdDSA, &never, signer.key),
		"it does not say who signed":       withKey(jwt.SigningMethodEdDSA, &nameless, signer.key),
	} {
		t.Run(name, func(t *testing.T) {
			if claims, err := verifier.Verify(text); !errors.Is(err, ErrInvalid) {
				t.Errorf("accepted as %+v, %v", claims, err)
			}
		})
	}
}

func TestAnUnusableKeyIsNamedAndNotShown(t *testing.T) {
	short := base64.StdEncoding.EncodeToString(make([]byte, ed25519.SeedSize-1))
	for name, key := range map[string]string{"missing": "", "no base64": "sup3r-s3cret", "short": short} {
		t.Run(name, func(t *testing.T) {
			_, err := Settings{SigningKey: key}.Signer()
			if err == nil || !strings.Contains(err.Error(), "token.signing_key") {
				t.Errorf("signing key: %v", err)
			}
			if key != "" && strings.Contains(err.Error(), key) {
				t.Errorf("the key shows in %q", err)
			}
			if _, err := (Settings{VerifyingKey: key}).Verifier(); err == nil || !strings.Contains(err.Error(), "token.verifying_key") {
				t.Errorf("verifying key: %v", err)
			}
		})
	}
}

func TestKeysThatDoNotBelongTogetherAreRefusedWhenTheyAreRead(t *testing.T) {
	one, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		signing, verifying string
		wrong              bool
	}{
		"a pair":             {one.SigningKey, one.VerifyingKey, false},
		"a signer alone":     {one.SigningKey, "", false},
		"of two pairs":       {one.SigningKey, other.VerifyingKey, true},
		"the seed published": {one.SigningKey, one.SigningKey, true},
	} {
		t.Run(name, func(t *testing.T) {
			src := environment(t, test.signing, test.verifying)
			_, err := NewSigner(src)
			switch {
			case (err != nil) != test.wrong:
				t.Errorf("got %v", err)
			case err == nil:
			case !strings.Contains(err.Error(), "token.verifying_key") || !strings.Contains(err.Error(), "OCIS_TOKEN_VERIFYING_KEY") || strings.Contains(err.Error(), "\n"):
				t.Errorf("it does not name the key and its origin in one line: %v", err)
			}
		})
	}
	for name, signing := range map[string]string{"nothing": "", "a stranger's key": other.SigningKey} {
		if _, err := NewVerifier(environment(t, signing, one.VerifyingKey)); err != nil {
			t.Errorf("who only verifies, with %s to sign: %v", name, err)
		}
	}
}

// environment is a configuration that has the keys and nothing else.
func environment(t *testing.T, signing, verifying string) *config.Source {
	t.Helper()
	t.Setenv("OCIS_BASE_DATA_PATH", t.TempDir())
	t.Setenv("OCIS_TOKEN_SIGNING_KEY", signing)
	t.Setenv("OCIS_TOKEN_VERIFYING_KEY", verifying)
	src, err := config.Open()
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func BenchmarkVerifyKnownToken(b *testing.B) {
	signer, verifier, _ := pair(b)
	text := sign(b, signer, alice)
	for b.Loop() {
		if _, err := verifier.Verify(text); err != nil {
			b.Fatal(err)
		}
	}
}
