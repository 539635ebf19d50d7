package tree

import (
	"context"
	"encoding/binary"
	"net/http"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// Delete moves a file or a tree to the trash.
func (t *Tree) Delete(ctx context.Context, owner string, request *storageapi.DeleteRequest) error {
	path, err := parse(request.GetPath())
	if err != nil {
		return err
	}
	return t.write(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.holds(&at, request.GetConditions()); err != nil {
			return err
		}
		if !at.found {
			return errNotFound(path)
		}
		if path.IsRoot() {
			return refuse(http.StatusForbidden, "the top folder stays")
		}
		if err := x.mayRemove(&at, request.GetConditions()); err != nil {
			return err
		}
		if err := x.dropLocks(root.entry.ID, path, true); err != nil {
			return err
		}
		if err := x.discard(&at); err != nil {
			return err
		}
		return x.emit(kindDeleted, owner, &at.last().entry, path, paths.Root)
	})
}

// discard moves what is at a place to the trash.
func (x *tx) discard(at *place) error {
	n := at.last()
	trashed := record.Trashed{Path: at.path.String(), Deleted: x.now, Entry: n.entry}
	bin := x.bolt.Bucket(bucketTrash)
	sequence, err := x.next(bin)
	if err != nil {
		return err
	}
	if err := x.put(bin, trashKey(at.root().entry.ID, sequence), trashed.Encode()); err != nil {
		return err
	}
	if err := x.deleteNode(n); err != nil {
		return err
	}
	if err := x.touch(at.ancestors(), effect{grown: -int64(n.entry.Size), membership: true}); err != nil {
		return err
	}
	return x.weighTrash(*at.root(), int64(n.entry.Size))
}

// replace removes what a Move or Copy overwrites. Losing a tree is a deletion, losing
// a file's content is a write: only trees go to the trash. Locks on the path itself
// stay (RFC 4918 section 7.7).
func (x *tx) replace(at *place) error {
	if err := x.dropLocks(at.root().entry.ID, at.path, false); err != nil {
		return err
	}
	n := at.last()
	if n.entry.Directory {
		return x.discard(at)
	}
	if err := x.release(n.entry.Blob); err != nil {
		return err
	}
	if err := x.deleteNode(n); err != nil {
		return err
	}
	return x.touch(at.ancestors(), effect{grown: -int64(n.entry.Size), membership: true})
}

func trashKey(root, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, root), sequence)
}

// weighTrash adds to the size of a user's trash, and sees that it fits the quota.
func (x *tx) weighTrash(root node, bytes int64) error {
	current, _, err := x.get(root.parent, root.name)
	if err != nil {
		return err
	}
	current.entry.Trashed = uint64(int64(current.entry.Trashed) + bytes)
	if err := x.putNode(&current); err != nil || bytes <= 0 {
		return err
	}
	return x.makeRoom(root)
}
