package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// ErrBusy says that too many passwords wait to be hashed.
var ErrBusy = errors.New("too many passwords are being verified: try again in a moment")

// Params are argon2id's cost. The zero value is not usable.
type Params struct {
	MemoryKiB  uint32
	Iterations uint32
	Lanes      uint8
}

// Recommended is the least that OWASP's Password Storage Cheat Sheet asks of argon2id.
var Recommended = Params{MemoryKiB: 19 << 10, Iterations: 2, Lanes: 1}

const (
	saltSize = 16 // RFC 9106 section 3.1
	keySize  = 32
	// waitingPerSlot bounds the queue: whoever is further behind would wait for more
	// than about two seconds, and is better told so at once.
	waitingPerSlot = 64
)

// Hasher computes hashes, a few at a time: each takes Params.MemoryKiB. It is safe for
// concurrent use.
type Hasher struct {
	params Params
	slots  chan struct{}
	inside atomic.Int64 // hashing or waiting
	most   int64
	decoy  phc // a hash that nothing matches
}

// NewHasher returns a hasher that computes at most atOnce hashes at the same time.
func NewHasher(params Params, atOnce int) *Hasher {
	return &Hasher{
		params: params,
		slots:  make(chan struct{}, atOnce),
		most:   int64(atOnce * (1 + waitingPerSlot)),
		decoy:  phc{params: params, salt: make([]byte, saltSize), key: make([]byte, keySize)},
	}
}

// Hash returns the text form of a new hash of password. It blocks until a slot is free;
// its error is ErrBusy or the context's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	p := phc{params: h.params, salt: make([]byte, saltSize)}
	rand.Read(p.salt) // never fails (crypto/rand)
	key, err := h.derive(ctx, p, keySize, password)
	if err != nil {
		return "", err
	}
	p.key = key
	return p.String(), nil
}

// Verify tells whether text, which Hash made, is a hash of password. It blocks as Hash does.
func (h *Hasher) Verify(ctx context.Context, text, password string) (bool, error) {
	p, err := parse(text)
	if err != nil {
		return false, err
	}
	return h.compare(ctx, p, password)
}

// Waste takes as long as Verify does, so that an unknown name cannot be told from a
// wrong password.
func (h *Hasher) Waste(ctx context.Context, password string) error {
	_, err := h.compare(ctx, h.decoy, password)
	return err
}

func (h *Hasher) compare(ctx context.Context, p phc, password string) (bool, error) {
	key, err := h.derive(ctx, p, len(p.key), password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, p.key) == 1, nil
}

func (h *Hasher) derive(ctx context.Context, p phc, size int, password string) ([]byte, error) {
	defer h.leave()
	if h.inside.Add(1) > h.most {
		return nil, ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free slot to verify a password: %w", context.Cause(ctx))
	}
	return argon2.IDKey([]byte(password), p.salt, p.params.Iterations, p.params.MemoryKiB, p.params.Lanes, uint32(size)), nil
}

// leave gives the memory of the last hash back to the system: a process that verifies
// a password a minute would hold it for ever otherwise.
func (h *Hasher) leave() {
	if h.inside.Add(-1) == 0 {
		debug.FreeOSMemory()
	}
}
