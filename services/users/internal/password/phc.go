package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// phc is a hash in the PHC string format
// (https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md):
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>
type phc struct {
	params Params
	salt   []byte
	key    []byte
}

// Bounds of what parse accepts: a damaged record must not make a login take all memory.
const (
	maxMemoryKiB  = 1 << 20
	maxIterations = 64
	maxBytes      = 64 // of salt and key
)

var encoding = base64.RawStdEncoding.Strict()

// String returns the text form.
func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.params.MemoryKiB, p.params.Iterations, p.params.Lanes,
		encoding.EncodeToString(p.salt), encoding.EncodeToString(p.key))
}

// parse reads the text form. Its error does not show the text.
func parse(text string) (phc, error) {
	var p phc
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errors.New("stored password hash: not in the argon2id format")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.params.MemoryKiB, &p.params.Iterations, &p.params.Lanes); err != nil {
		return p, errors.New("stored password hash: unreadable parameters")
	}
	if p.params.MemoryKiB > maxMemoryKiB || p.params.Iterations < 1 || p.params.Iterations > maxIterations || p.params.Lanes < 1 {
		return p, errors.New("stored password hash: parameters out of range")
	}
	var errs [2]error
	p.salt, errs[0] = encoding.DecodeString(parts[4])
	p.key, errs[1] = encoding.DecodeString(parts[5])
	if errors.Join(errs[:]...) != nil || !plausible(p.salt) || !plausible(p.key) {
		return p, errors.New("stored password hash: unreadable salt or key")
	}
	return p, nil
}

func plausible(b []byte) bool { return len(b) >= 8 && len(b) <= maxBytes }
