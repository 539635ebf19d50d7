package login

import (
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

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
