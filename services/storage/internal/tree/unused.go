package tree

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
)

// keepUnused is how long content stays on disk that the database does not know. Most of
// it is what a crash left between the content's way to disk and the database's. But a
// database that was put back from a backup does not know what was written after it,
// either; then the newest one can still take its place again, and nothing is lost.
const keepUnused = 30 * 24 * time.Hour

// sweep removes what former processes did not finish writing, and notes what they did
// but the database does not know: its time begins. Uploads that go on are left alone. It
// returns how many files it removed and noted.
func (t *Tree) sweep(ctx context.Context) (removed, noted int, err error) {
	removed, err = t.blobs.Sweep(ctx, t.uploads.runs, func(ids []blobs.ID) error {
		unknown, err := t.unknown(ids)
		if err != nil || len(unknown) == 0 {
			return err
		}
		noted += len(unknown)
		return t.update(ctx, func(x *tx) error { return x.note(unknown) })
	})
	return removed, noted, err
}

// unknown returns the blobs among ids that no entry refers to and that were not noted.
func (t *Tree) unknown(ids []blobs.ID) ([]blobs.ID, error) {
	var found []blobs.ID
	err := t.view(func(x *tx) error {
		referred, noted := x.bolt.Bucket(bucketBlobs), x.bolt.Bucket(bucketUnused)
		for _, id := range ids {
			if referred.Get(id[:]) == nil && (noted == nil || noted.Get(id[:]) == nil) {
				found = append(found, id)
			}
		}
		return nil
	})
	return found, err
}

// note remembers since when blobs are known to be unused. Databases of older programs
// do not have the bucket.
func (x *tx) note(ids []blobs.ID) error {
	x.dirty = true
	bucket, err := x.bolt.CreateBucketIfNotExists(bucketUnused)
	now := binary.BigEndian.AppendUint64(nil, uint64(x.now))
	for i := 0; i < len(ids) && err == nil; i++ {
		err = x.put(bucket, ids[i][:], now)
	}
	return err
}

// dropUnused removes the blobs that were noted before a time.
func (t *Tree) dropUnused(ctx context.Context, before time.Time) error {
	var due []blobs.ID
	err := t.view(func(x *tx) error {
		bucket := x.bolt.Bucket(bucketUnused)
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(key, value []byte) error {
			if len(key) != len(blobs.ID{}) || len(value) != 8 {
				return fmt.Errorf("the note %x of an unused blob is damaged", key)
			}
			if int64(binary.BigEndian.Uint64(value)) < before.UnixNano() {
				due = append(due, blobs.ID(key))
			}
			return nil
		})
	})
	for ids := range slices.Chunk(due, purgeBatch) {
		if err == nil {
			err = t.update(ctx, func(x *tx) error { return x.dropNoted(ids) })
		}
	}
	return err
}

// dropNoted has blobs removed when the transaction is on disk. It asks once more whether
// anything refers to them: what it removes is gone for good.
func (x *tx) dropNoted(ids []blobs.ID) error {
	referred, noted := x.bolt.Bucket(bucketBlobs), x.bolt.Bucket(bucketUnused)
	for _, id := range ids {
		if err := x.delete(noted, id[:]); err != nil {
			return err
		}
		if referred.Get(id[:]) == nil {
			x.unused.blobs = append(x.unused.blobs, id)
		}
	}
	return nil
}
