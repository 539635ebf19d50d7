package record

import "google.golang.org/protobuf/encoding/protowire"

// Lock is a WebDAV lock. Its token and the path that it was made on are in its key.
type Lock struct {
	Exclusive bool
	Infinite  bool // depth infinity
	Owner     string
	Expires   int64 // nanoseconds since 1970
}

const (
	lockExclusive protowire.Number = iota + 1
	lockInfinite
	lockOwner
	lockExpires
)

// Encode returns l's bytes on disk.
func (l *Lock) Encode() []byte {
	b := appendBool(nil, lockExclusive, l.Exclusive)
	b = appendBool(b, lockInfinite, l.Infinite)
	b = appendBytes(b, lockOwner, l.Owner)
	return appendFixed(b, lockExpires, uint64(l.Expires))
}

// DecodeLock is the reverse of Encode.
func DecodeLock(b []byte) (Lock, error) {
	var l Lock
	err := each(b, func(field protowire.Number, number uint64, data []byte) {
		switch field {
		case lockExclusive:
			l.Exclusive = number != 0
		case lockInfinite:
			l.Infinite = number != 0
		case lockOwner:
			l.Owner = string(data)
		case lockExpires:
			l.Expires = int64(number)
		}
	})
	return l, err
}
