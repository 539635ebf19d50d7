package tree

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
)

// A blob's value in bucketBlobs is the number of entries that refer to it, and after
// that its content when it is inline.

// splitBlob takes a value of bucketBlobs apart.
func splitBlob(value []byte) (references uint64, inline []byte, err error) {
	references, n := binary.Uvarint(value)
	if n <= 0 || references == 0 {
		return 0, nil, fmt.Errorf("the value %x is damaged", value[:min(len(value), 8)])
	}
	return references, value[n:], nil
}

// references returns the bucket of blobs. Their ids ascend, so pages may be filled.
func (x *tx) references() *bbolt.Bucket {
	bucket := x.bolt.Bucket(bucketBlobs)
	bucket.FillPercent = 0.9
	return bucket
}

// keep makes the first reference to new content. No content needs none.
func (x *tx) keep(new *content) error {
	if new.blob == (blobs.ID{}) {
		return nil
	}
	value := append(binary.AppendUvarint(make([]byte, 0, len(new.inline)+1), 1), new.inline...)
	return x.put(x.references(), new.blob[:], value)
}

// refer adds a reference to a blob.
func (x *tx) refer(blob blobs.ID) error { return x.count(blob, 1) }

// release takes a reference away. Content that nothing refers to is removed: at once
// when it is inline, else when the transaction is on disk.
func (x *tx) release(blob blobs.ID) error { return x.count(blob, -1) }

func (x *tx) count(blob blobs.ID, by int) error {
	if blob == (blobs.ID{}) {
		return nil
	}
	bucket := x.references()
	references, inline, err := splitBlob(bucket.Get(blob[:]))
	if err != nil {
		return fmt.Errorf("blob %x: %w", blob, err)
	}
	if left := uint64(int(references) + by); left > 0 {
		return x.put(bucket, blob[:], append(binary.AppendUvarint(nil, left), inline...))
	}
	if len(inline) == 0 {
		x.unused.blobs = append(x.unused.blobs, blob)
	}
	return x.delete(bucket, blob[:])
}

// inline returns content that is kept in the database, as long as the transaction
// lasts, or nil for content that is a file.
func (x *tx) inline(blob blobs.ID) ([]byte, error) {
	_, inline, err := splitBlob(x.bolt.Bucket(bucketBlobs).Get(blob[:]))
	if err != nil {
		return nil, fmt.Errorf("blob %x: %w", blob, err)
	}
	if len(inline) == 0 {
		return nil, nil
	}
	return inline, nil
}
