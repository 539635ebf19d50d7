package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// credential is a name with its password, as it is remembered.
type credential [sha256.Size]byte

// sealer makes credentials with a random key.
type sealer struct {
	hashes sync.Pool
}

func newSealer() *sealer {
	key := make([]byte, sha256.BlockSize)
	rand.Read(key) // never fails (crypto/rand)
	return &sealer{hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (s *sealer) seal(username, password string) credential {
	h := s.hashes.Get().(hash.Hash)
	defer s.hashes.Put(h)
	h.Reset()
	// The length keeps "ab"+"c" and "a"+"bc" apart.
	var c credential
	binary.BigEndian.PutUint64(c[:8], uint64(len(username)))
	h.Write(c[:8])
	h.Write([]byte(username))
	h.Write([]byte(password))
	h.Sum(c[:0])
	return c
}
