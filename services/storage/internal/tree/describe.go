package tree

import (
	"crypto/md5"
	"crypto/sha1"
	"hash/adler32"
	"strconv"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// description is an entry with the checksums that it points to, in one allocation:
// listings have many.
type description struct {
	entry storageapi.Entry
	sums  storageapi.Checksums
	bytes [sha1.Size + md5.Size + adler32.Size]byte
}

// describe returns an entry as the API shows it, independent of the transaction.
func (x *tx) describe(path paths.Path, e *record.Entry, locks []lock) *storageapi.Entry {
	d := &description{}
	entry := &d.entry
	entry.Id = x.publicID(e.ID)
	entry.Path = path.String()
	entry.Type = typeOf(e)
	entry.Size = e.Size
	entry.Etag = etag(e)
	entry.MtimeUnixNano = e.Modified
	entry.CreatedUnixNano = e.Created
	entry.Properties = e.Properties
	if len(e.SHA1)+len(e.MD5)+len(e.Adler32) > 0 {
		entry.Checksums = &d.sums
		all := append(append(append(d.bytes[:0], e.SHA1...), e.MD5...), e.Adler32...)
		d.sums.Sha1, all = cut(all, len(e.SHA1))
		d.sums.Md5, all = cut(all, len(e.MD5))
		d.sums.Adler32, _ = cut(all, len(e.Adler32))
	}
	for i := range locks {
		entry.Locks = append(entry.Locks, x.activeLock(&locks[i]))
	}
	return entry
}

// cut returns the first n bytes, which cannot grow into the rest, and the rest.
func cut(b []byte, n int) (first, rest []byte) { return b[:n:n], b[n:] }

// show is describe with the locks that cover the entry.
func (x *tx) show(root uint64, path paths.Path, e *record.Entry) (*storageapi.Entry, error) {
	locks, err := x.covering(root, path)
	return x.describe(path, e, locks), err
}

func (x *tx) activeLock(l *lock) *storageapi.ActiveLock {
	return &storageapi.ActiveLock{
		Token:          l.token,
		Root:           l.path.String(),
		Exclusive:      l.Exclusive,
		Infinite:       l.Infinite,
		OwnerXml:       l.Owner,
		TimeoutSeconds: max(1, (l.Expires-x.now)/int64(time.Second)),
	}
}

// publicID writes an id like other servers of the family do: at least eight digits,
// then the instance.
func (x *tx) publicID(id uint64) string {
	digits := strconv.AppendUint(make([]byte, 0, 32), id, 10)
	out := make([]byte, 0, 32)
	for n := len(digits); n < 8; n++ {
		out = append(out, '0')
	}
	return string(append(append(out, digits...), x.tree.instance...))
}

func etag(e *record.Entry) string {
	const digits = "0123456789abcdef"
	var text [16]byte
	for i, tag := 15, e.Tag; i >= 0; i, tag = i-1, tag>>4 {
		text[i] = digits[tag&15]
	}
	return string(text[:])
}

func typeOf(e *record.Entry) storageapi.Type {
	if e.Directory {
		return storageapi.Type_TYPE_DIRECTORY
	}
	return storageapi.Type_TYPE_FILE
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }
