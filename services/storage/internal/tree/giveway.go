package tree

import (
	"context"
	"errors"
	"net/http"

	"go.etcd.io/bbolt"
)

// Deleted files are kept as long as nobody needs their room. When the disk would refuse
// content, the oldest in the trash go for good, whosever they are: the disk is everybody's.

const (
	// leastToGive is how much of the trash goes at once: giving way costs some syncs.
	leastToGive = 1 << 20
	// unsizedWish is what there should be for an upload that does not say its size.
	unsizedWish = 64 << 20
)

var errFull = refuse(http.StatusInsufficientStorage, "the disk is full")

// onDisk makes room for content on the disk, or refuses it. It returns when the room is
// there, which may need as long as ctx allows.
func (t *Tree) onDisk(ctx context.Context, size uint64) error {
	room, err := t.uploads.room()
	if err != nil || size <= room {
		return err
	}
	select {
	case t.givesWay <- struct{}{}: // one at a time: each looks at what the one before has freed
		defer func() { <-t.givesWay }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		room, err := t.uploads.room()
		if err != nil || size <= room {
			return err
		}
		if err := t.giveWay(ctx, size-room); err != nil {
			return err
		}
	}
}

// onDiskFor makes room for an upload of size bytes, -1: not known, or refuses it.
func (t *Tree) onDiskFor(ctx context.Context, size int64) error {
	if size >= 0 {
		return t.onDisk(ctx, uint64(size)+1)
	}
	if err := t.onDisk(ctx, unsizedWish); !errors.Is(err, errFull) {
		return err
	}
	return t.onDisk(ctx, 1)
}

// giveWay purges the oldest in the trash until that many bytes are gone from the disk, as
// far as sizes tell: of what is shared with a copy, or kept in the database, less is gone.
// It is errFull when there is not as much, and then nothing is purged.
func (t *Tree) giveWay(ctx context.Context, bytes uint64) error {
	var purged uint64
	err := t.update(ctx, func(x *tx) error {
		inTrash, err := x.trashSize()
		if err != nil {
			return err
		}
		if inTrash < bytes {
			return errFull
		}
		purged, err = x.purgeOldestOfAll(max(bytes, leastToGive))
		return err
	})
	if err != nil {
		return err
	}
	t.options.Log.WithField("bytes", purged).Info("the disk is full: the oldest in the trash gave way")
	return t.purgeNow(ctx)
}

// reclaimable returns how many bytes of the disk are nobody's, or only the trash's.
func (t *Tree) reclaimable() (bytes uint64, err error) {
	err = t.view(func(x *tx) error {
		bytes, err = x.trashSize()
		return err
	})
	if err != nil {
		return 0, err
	}
	room, err := t.uploads.room()
	return room + bytes, err
}

// trashSize returns the size of everybody's trash.
func (x *tx) trashSize() (bytes uint64, err error) {
	err = x.children(0, func(root node) error {
		bytes += root.entry.Trashed
		return nil
	})
	return bytes, err
}

// purgeOldestOfAll purges what has been in anybody's trash for longest, up to a batch,
// until it is at least that many bytes.
func (x *tx) purgeOldestOfAll(bytes uint64) (purged uint64, err error) {
	for n := 0; n < purgeBatch && purged < bytes; n++ {
		owner, item, err := x.oldestOfAll()
		if err != nil || item == nil {
			return purged, err
		}
		if err := x.purgeItem(owner, *item); err != nil {
			return purged, err
		}
		purged += item.Entry.Size
	}
	return purged, nil
}

// oldestOfAll returns what has been in anybody's trash for longest, nil: there is nothing,
// and whose it is. Sequences ascend over all users.
func (x *tx) oldestOfAll() (owner node, oldest *trashed, err error) {
	err = x.children(0, func(root node) error {
		return x.trash(root.entry.ID, func(d trashed) bool {
			if oldest == nil || d.sequence < oldest.sequence {
				owner, oldest = root, &d
			}
			return false
		})
	})
	return owner, oldest, err
}

// purgeNow takes apart what is queued, and returns when its content is gone from the disk.
func (t *Tree) purgeNow(ctx context.Context) error {
	gone := make(chan struct{})
	for more := true; more; {
		err := t.update(ctx, func(x *tx) error {
			if err := x.purgeSome(); err != nil {
				return err
			}
			if more = !empty(x.bolt.Bucket(bucketPurge)); !more {
				x.changes()
				x.unused.done = append(x.unused.done, gone)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func empty(bucket *bbolt.Bucket) bool {
	first, _ := bucket.Cursor().First()
	return first == nil
}
