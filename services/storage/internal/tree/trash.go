package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"
	"slices"
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

// ListTrash lists what was deleted, newest first.
func (t *Tree) ListTrash(ctx context.Context, owner string) ([]*storageapi.TrashItem, error) {
	var items []*storageapi.TrashItem
	err := t.read(ctx, owner, func(x *tx, root node) error {
		return x.trash(root.entry.ID, func(d trashed) bool {
			items = append(items, &storageapi.TrashItem{
				Id:           strconv.FormatUint(d.sequence, 10),
				OriginalPath: d.Path,
				DeletedUnix:  d.Deleted / int64(time.Second),
				Entry:        x.describe(paths.Path(d.Path), &d.Entry, nil),
			})
			return true
		})
	})
	slices.Reverse(items)
	return items, err
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
		if at.found {
			return errExists(path)
		}
		if err := x.mayMake(&at, nil); err != nil {
			return err
		}
		size := int64(item.Entry.Size)
		if err := x.fits(&root, size); err != nil {
			return err
		}
		if err := x.delete(x.bolt.Bucket(bucketTrash), item.key()); err != nil {
			return err
		}
		if err := x.weighTrash(root, -size); err != nil {
			return err
		}
		n := node{parent: at.last().entry.ID, name: path.Name(), entry: item.Entry}
		response, err = x.finish(&at, &n, effect{grown: size, membership: true}, kindRestored)
		return err
	})
	return response, err
}

// PurgeTrash removes an item for good, or all with an empty id.
func (t *Tree) PurgeTrash(ctx context.Context, owner, id string) error {
	return t.write(ctx, owner, func(x *tx, root node) error {
		if id != "" {
			item, err := x.inTrash(root.entry.ID, id)
			if err != nil {
				return err
			}
			return x.purgeItem(root, item)
		}
		var items []trashed
		err := x.trash(root.entry.ID, func(d trashed) bool { items = append(items, d); return true })
		for i := 0; i < len(items) && err == nil; i++ {
			err = x.purgeItem(root, items[i])
		}
		return err
	})
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
