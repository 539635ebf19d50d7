package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// purgeBatch bounds how many entries one transaction of the purge removes, and with it
// how long others wait for theirs.
const purgeBatch = 500

// queuePurge remembers an entry that nothing refers to any more. A tree may be large,
// so it is taken apart later, in steps.
func (x *tx) queuePurge(e *record.Entry) error {
	queue := x.bolt.Bucket(bucketPurge)
	sequence, err := x.next(queue)
	if err != nil {
		return err
	}
	x.purging = true
	return x.put(queue, binary.BigEndian.AppendUint64(nil, sequence), e.Encode())
}

// purgeAll takes apart what is queued until ctx is done.
func (t *Tree) purgeAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.purge:
		}
		for more := true; more && ctx.Err() == nil; {
			err := t.view(func(x *tx) error {
				first, _ := x.bolt.Bucket(bucketPurge).Cursor().First()
				more = first != nil
				return nil
			})
			if err == nil && more {
				err = t.update(ctx, (*tx).purgeSome)
			}
			if err != nil {
				if ctx.Err() == nil {
					t.options.Log.WithError(err).Error("purging of deleted files stops until the next deletion or start")
				}
				break
			}
		}
	}
}

// purgeSome takes apart as much of the queue as one step may.
func (x *tx) purgeSome() error {
	queue := x.bolt.Bucket(bucketPurge)
	for budget := purgeBatch; budget > 0; {
		key, value := queue.Cursor().First()
		if key == nil {
			return nil
		}
		entry, err := record.DecodeEntry(value)
		if err != nil {
			return err
		}
		key = bytes.Clone(key)
		all := true
		if entry.Directory {
			var removed int
			if removed, all, err = x.purgeChildren(entry.ID, budget); err != nil {
				return err
			}
			budget -= removed
		} else if err := x.release(entry.Blob); err != nil {
			return err
		}
		budget--
		if !all {
			return nil
		}
		if err := x.delete(queue, key); err != nil {
			return err
		}
	}
	return nil
}

// purgeChildren removes up to limit children of a directory, and tells whether these
// were all. Directories among them are queued.
func (x *tx) purgeChildren(directory uint64, limit int) (removed int, all bool, err error) {
	children, all, err := x.someChildren(directory, limit)
	for i := 0; i < len(children) && err == nil; i++ {
		child := &children[i]
		if child.entry.Directory {
			err = x.queuePurge(&child.entry)
		} else {
			err = x.release(child.entry.Blob)
		}
		if err == nil {
			err = x.deleteNode(child)
		}
	}
	return len(children), all, err
}

var errEnough = errors.New("enough")

// someChildren returns up to limit children, and whether these are all.
func (x *tx) someChildren(directory uint64, limit int) (some []node, all bool, err error) {
	err = x.children(directory, func(n node) error {
		if len(some) == limit {
			return errEnough
		}
		some = append(some, n)
		return nil
	})
	if errors.Is(err, errEnough) {
		return some, false, nil
	}
	return some, true, err
}
