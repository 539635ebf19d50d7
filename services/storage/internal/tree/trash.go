package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"net/http"
	"strconv"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// trashed is an entry in the trash with its key.
type trashed struct {
	root, sequence uint64
	record.Trashed
}

func (d *trashed) key() []byte { return trashKey(d.root, d.sequence) }

// trash calls visit for what a user has in the trash, oldest first, until it returns
// false. visit must not change the trash.
func (x *tx) trash(root uint64, visit func(trashed) bool) error {
	prefix := binary.BigEndian.AppendUint64(nil, root)
	cursor := x.bolt.Bucket(bucketTrash).Cursor()
	for key, value := cursor.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, value = cursor.Next() {
		item, err := record.DecodeTrashed(value)
		if err != nil {
			return err
		}
		if !visit(trashed{root: root, sequence: binary.BigEndian.Uint64(key[8:]), Trashed: item}) {
			return nil
		}
	}
	return nil
}

// inTrash finds an item by the id that ListTrash gave it.
func (x *tx) inTrash(root uint64, id string) (trashed, error) {
	unknown := refuse(http.StatusNotFound, "there is no %q in the trash", id)
	sequence, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return trashed{}, unknown
	}
	value := x.bolt.Bucket(bucketTrash).Get(trashKey(root, sequence))
	if value == nil {
		return trashed{}, unknown
	}
	item, err := record.DecodeTrashed(value)
	return trashed{root: root, sequence: sequence, Trashed: item}, err
}

// trashPage bounds how many items one answer lists: it is one message.
const trashPage = 1000

// ListTrash lists what was deleted, newest first, a page at a time.
func (t *Tree) ListTrash(ctx context.Context, owner string, request *storageapi.ListTrashRequest) (*storageapi.ListTrashResponse, error) {
	response := &storageapi.ListTrashResponse{}
	err := t.read(ctx, owner, func(x *tx, root node) error {
		if id := request.GetId(); id != "" {
			item, err := x.inTrash(root.entry.ID, id)
			if err == nil {
				response.Items = append(response.Items, x.describeTrashed(item))
			}
			return err
		}
		before := uint64(math.MaxUint64)
		if after := request.GetAfter(); after != "" {
			var err error
			if before, err = strconv.ParseUint(after, 10, 64); err != nil {
				return refuse(http.StatusBadRequest, "%q is no id of something in the trash", after)
			}
		}
		return x.trashBefore(root.entry.ID, before, func(d trashed) bool {
			if response.More = len(response.Items) == trashPage; !response.More {
				response.Items = append(response.Items, x.describeTrashed(d))
			}
			return !response.More
		})
	})
	return response, err
}

// trashBefore calls visit for what a user has in the trash below a sequence, newest
// first, until it returns false.
func (x *tx) trashBefore(root, sequence uint64, visit func(trashed) bool) error {
	prefix := binary.BigEndian.AppendUint64(nil, root)
	cursor := x.bolt.Bucket(bucketTrash).Cursor()
	before := cursor.Prev
	if found, _ := cursor.Seek(trashKey(root, sequence)); found == nil {
		before = cursor.Last
	}
	for key, value := before(); key != nil && bytes.HasPrefix(key, prefix); key, value = cursor.Prev() {
		item, err := record.DecodeTrashed(value)
		if err != nil {
			return err
		}
		if !visit(trashed{root: root, sequence: binary.BigEndian.Uint64(key[8:]), Trashed: item}) {
			return nil
		}
	}
	return nil
}

// describeTrashed leaves dead properties out: they may be long, and a list has many items.
func (x *tx) describeTrashed(d trashed) *storageapi.TrashItem {
	d.Entry.Properties = nil
	return &storageapi.TrashItem{
		Id:           strconv.FormatUint(d.sequence, 10),
		OriginalPath: d.Path,
		DeletedUnix:  d.Deleted / int64(time.Second),
		Entry:        x.describe(paths.Path(d.Path), &d.Entry, nil),
	}
}

// RestoreTrash brings an item back: to where it was, or to destination. It keeps its
// id and its etag.
func (t *Tree) RestoreTrash(ctx context.Context, owner string, request *storageapi.RestoreTrashRequest) (*storageapi.WriteResponse, error) {
	var response *storageapi.WriteResponse
	err := t.write(ctx, owner, func(x *tx, root node) error {
		item, err := x.inTrash(root.entry.ID, request.GetId())
		if err != nil {
			return err
		}
		destination := request.GetDestination()
		if destination == "" {
			destination = item.Path
		}
		path, err := parse(destination)
		if err != nil {
			return err
		}
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.holdsFor(root, path, stateOf(&item.Entry), request.GetConditions()); err != nil {
			return err
		}
		if err := x.mayRestore(&at, &item, request); err != nil {
			return err
		}
		response, err = x.restore(root, &at, &item)
		return err
	})
	return response, err
}

// mayRestore refuses an item at a place where something may not be made or replaced.
func (x *tx) mayRestore(at *place, item *trashed, request *storageapi.RestoreTrashRequest) error {
	if err := x.staysNameable(&node{entry: item.Entry}, paths.Path(item.Path), at.path); err != nil {
		return err
	}
	size := int64(item.Entry.Size)
	if !at.found {
		if err := x.mayMake(at, request.GetConditions()); err != nil {
			return err
		}
		return x.fits(at.root(), size)
	}
	switch {
	case at.path.IsRoot():
		return refuse(http.StatusForbidden, "the top folder stays")
	case !request.GetOverwrite():
		return errExists(at.path)
	}
	if err := x.mayRemove(at, request.GetConditions()); err != nil {
		return err
	}
	return x.fits(at.root(), size-int64(at.last().entry.Size))
}

// restore takes an item out of the trash before it replaces what is at the place, which
// may make the trash give way to the quota.
func (x *tx) restore(root node, at *place, item *trashed) (*storageapi.WriteResponse, error) {
	size := int64(item.Entry.Size)
	if err := x.delete(x.bolt.Bucket(bucketTrash), item.key()); err != nil {
		return nil, err
	}
	if err := x.weighTrash(root, -size); err != nil {
		return nil, err
	}
	if at.found {
		if err := x.replace(at); err != nil {
			return nil, err
		}
	}
	above := at.ancestors()
	n := node{parent: above[len(above)-1].entry.ID, name: at.path.Name(), entry: item.Entry}
	return x.finish(at, &n, effect{grown: size, membership: true}, kindRestored)
}

// PurgeTrash removes an item for good, or with an empty id all that there are. Many go in
// steps, so that others get their turn.
func (t *Tree) PurgeTrash(ctx context.Context, owner, id string) error {
	if id != "" {
		return t.write(ctx, owner, func(x *tx, root node) error {
			item, err := x.inTrash(root.entry.ID, id)
			if err != nil {
				return err
			}
			return x.purgeItem(root, item)
		})
	}
	var last uint64 // what is deleted meanwhile stays
	err := t.read(ctx, owner, func(x *tx, root node) error {
		return x.trashBefore(root.entry.ID, math.MaxUint64, func(d trashed) bool { last = d.sequence; return false })
	})
	for more := true; more && err == nil; {
		err = t.write(ctx, owner, func(x *tx, root node) (err error) {
			more, err = x.purgeWhile(root, func(d *trashed) bool { return d.sequence <= last })
			return err
		})
	}
	return err
}

// purgeWhile purges the oldest items as long as they fit, up to a batch. more tells that
// there may be more.
func (x *tx) purgeWhile(root node, fits func(*trashed) bool) (more bool, err error) {
	var old []trashed
	err = x.trash(root.entry.ID, func(d trashed) bool {
		if !fits(&d) || len(old) == purgeBatch {
			return false
		}
		old = append(old, d)
		return true
	})
	for i := 0; i < len(old) && err == nil; i++ {
		err = x.purgeItem(root, old[i])
	}
	return len(old) == purgeBatch, err
}

// purgeOldest removes the oldest item for good. It returns false when there is none.
func (x *tx) purgeOldest(root node) (bool, error) {
	var oldest []trashed
	err := x.trash(root.entry.ID, func(d trashed) bool { oldest = append(oldest, d); return false })
	if err != nil || len(oldest) == 0 {
		return false, err
	}
	return true, x.purgeItem(root, oldest[0])
}

// purgeItem hands an item over to the background job that removes it.
func (x *tx) purgeItem(root node, item trashed) error {
	if err := x.delete(x.bolt.Bucket(bucketTrash), item.key()); err != nil {
		return err
	}
	if err := x.weighTrash(root, -int64(item.Entry.Size)); err != nil {
		return err
	}
	if err := x.queuePurge(&item.Entry); err != nil {
		return err
	}
	path, err := paths.Parse(item.Path)
	if err != nil {
		return err
	}
	return x.emit(kindPurged, root.name, &item.Entry, path, paths.Root)
}
