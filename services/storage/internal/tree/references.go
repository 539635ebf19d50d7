package tree

import (
	"encoding/binary"
	"fmt"

	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
)

// refer adds a reference to a blob. The zero blob needs none.
func (x *tx) refer(blob blobs.ID) error { return x.count(blob, 1) }

// release takes a reference away. Content that nothing refers to is removed when the
// transaction is on disk.
func (x *tx) release(blob blobs.ID) error { return x.count(blob, -1) }

func (x *tx) count(blob blobs.ID, by int) error {
	if blob == (blobs.ID{}) {
		return nil
	}
	references := x.bolt.Bucket(bucketBlobs)
	before, _ := binary.Uvarint(references.Get(blob[:])) // 0 when there is none
	n := int(before) + by
	switch {
	case n < 0:
		return fmt.Errorf("blob %x has fewer references than entries", blob)
	case n > 0:
		return x.put(references, blob[:], binary.AppendUvarint(nil, uint64(n)))
	}
	x.unused = append(x.unused, blob)
	return x.delete(references, blob[:])
}

// unreferenced returns the blobs among ids that no entry refers to.
func (t *Tree) unreferenced(ids []blobs.ID) ([]blobs.ID, error) {
	var found []blobs.ID
	err := t.view(func(x *tx) error {
		references := x.bolt.Bucket(bucketBlobs)
		for _, id := range ids {
			if references.Get(id[:]) == nil {
				found = append(found, id)
			}
		}
		return nil
	})
	return found, err
}
