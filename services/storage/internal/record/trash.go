package record

import "google.golang.org/protobuf/encoding/protowire"

// Trashed is an entry in the trash. What is below a directory stays where it was: it
// is found through the directory's id.
type Trashed struct {
	Path    string // where it was
	Deleted int64  // nanoseconds since 1970
	Entry   Entry
}

const (
	trashedPath protowire.Number = iota + 1
	trashedDeleted
	trashedEntry
)

// Encode returns t's bytes on disk.
func (t *Trashed) Encode() []byte {
	b := appendBytes(nil, trashedPath, t.Path)
	b = appendFixed(b, trashedDeleted, uint64(t.Deleted))
	return appendBytes(b, trashedEntry, t.Entry.Encode())
}

// DecodeTrashed is the reverse of Encode.
func DecodeTrashed(b []byte) (Trashed, error) {
	var t Trashed
	var inner error
	err := each(b, func(field protowire.Number, number uint64, data []byte) {
		switch field {
		case trashedPath:
			t.Path = string(data)
		case trashedDeleted:
			t.Deleted = int64(number)
		case trashedEntry:
			t.Entry, inner = DecodeEntry(data)
		}
	})
	if err == nil {
		err = inner
	}
	return t, err
}
