package tree

import (
	"strconv"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// describe returns an entry as the API shows it, independent of the transaction.
func (x *tx) describe(path paths.Path, e *record.Entry, locks []lock) *storageapi.Entry {
	entry := &storageapi.Entry{
		Id:              x.publicID(e.ID),
		Path:            path.String(),
		Type:            typeOf(e),
		Size:            e.Size,
		Etag:            etag(e),
		MtimeUnixNano:   e.Modified,
		CreatedUnixNano: e.Created,
		Properties:      e.Properties,
	}
	if !e.Directory && (e.SHA1 != nil || e.MD5 != nil || e.Adler32 != nil) {
		entry.Checksums = &storageapi.Checksums{Sha1: clone(e.SHA1), Md5: clone(e.MD5), Adler32: clone(e.Adler32)}
	}
	for i := range locks {
		entry.Locks = append(entry.Locks, x.activeLock(&locks[i]))
	}
	return entry
}

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
