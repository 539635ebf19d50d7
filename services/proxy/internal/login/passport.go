package login

import (
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// reuse is how long a signed token is used again. Well below token.Lifetime: a request
// may pass through several services.
const reuse = time.Minute

// Passport is somebody's claims, with the tokens that prove them to other services. It
// is safe for concurrent use.
type Passport struct {
	Claims token.Claims

	signer *token.Signer
	now    func() time.Time

	mu     sync.Mutex
	short  stamped
	upload stamped
}

type stamped struct {
	text string
	at   time.Time
}

// NewPassport returns a passport that signs as it is needed.
func NewPassport(signer *token.Signer, claims token.Claims) *Passport {
	return newPassport(signer, claims, time.Now)
}

func newPassport(signer *token.Signer, claims token.Claims, now func() time.Time) *Passport {
	return &Passport{Claims: claims, signer: signer, now: now}
}

// Token returns a token for a request that is soon over.
func (p *Passport) Token() (string, error) { return p.fresh(&p.short, p.signer.Sign) }

// UploadToken returns a token for a request with much content.
func (p *Passport) UploadToken() (string, error) { return p.fresh(&p.upload, p.signer.SignUpload) }

func (p *Passport) fresh(s *stamped, sign func(token.Claims) (string, error)) (string, error) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.text != "" && now.Sub(s.at) < reuse {
		return s.text, nil
	}
	text, err := sign(p.Claims)
	if err != nil {
		return "", err
	}
	*s = stamped{text: text, at: now}
	return text, nil
}
