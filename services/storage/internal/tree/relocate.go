package tree

import (
	"context"
	"net/http"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// relocation is what Move and Copy have in common.
type relocation struct {
	from, to  paths.Path
	overwrite bool
	deep      bool // what is below the source goes along
	guard     *storageapi.Conditions
}

// locateBoth finds both ends of a relocation and refuses what RFC 4918 sections 9.8
// and 9.9 rule out, whatever locks there are.
func (x *tx) locateBoth(root node, r relocation) (from, to place, err error) {
	if from, err = x.locate(root, r.from); err != nil {
		return from, to, err
	}
	if err = x.holds(&from, r.guard); err != nil {
		return from, to, err
	}
	if to, err = x.locate(root, r.to); err != nil {
		return from, to, err
	}
	switch {
	case !from.found:
		err = errNotFound(r.from)
	case r.from == r.to:
		err = refuse(http.StatusForbidden, "source and destination are the same")
	case r.from.Contains(r.to) && r.deep:
		err = refuse(http.StatusForbidden, "the destination is below the source")
	case r.to.Contains(r.from):
		err = refuse(http.StatusForbidden, "the destination is above the source")
	case !to.found && to.orphan():
		err = errNoParent(r.to)
	case to.found && !r.overwrite:
		err = errExists(r.to)
	case to.found:
		err = x.mayRemove(&to, r.guard)
	default:
		err = x.mayMake(&to, r.guard)
	}
	return from, to, err
}

// Move gives an entry another path. It keeps its id, its etag and its dates.
func (t *Tree) Move(ctx context.Context, owner string, request *storageapi.MoveRequest) (*storageapi.WriteResponse, error) {
	from, err := parse(request.GetSource())
	if err != nil {
		return nil, err
	}
	to, err := parse(request.GetDestination())
	if err != nil {
		return nil, err
	}
	r := relocation{from: from, to: to, overwrite: request.GetOverwrite(), deep: true, guard: request.GetConditions()}
	var response *storageapi.WriteResponse
	err = t.write(ctx, owner, func(x *tx, root node) error {
		from, to, err := x.locateBoth(root, r)
		if err != nil {
			return err
		}
		if err := x.mayRemove(&from, r.guard); err != nil {
			return err
		}
		if err := x.staysNameable(from.last(), r.from, r.to); err != nil {
			return err
		}
		response, err = x.move(&from, &to)
		return err
	})
	return response, err
}

func (x *tx) move(from, to *place) (*storageapi.WriteResponse, error) {
	root, owner, moved := from.root().entry.ID, from.root().name, from.last()
	if to.found {
		if err := x.replace(to); err != nil {
			return nil, err
		}
	}
	if err := x.dropLocks(root, from.path, true); err != nil {
		return nil, err
	}
	if err := x.deleteNode(moved); err != nil {
		return nil, err
	}
	above := to.ancestors()
	n := node{parent: above[len(above)-1].entry.ID, name: to.path.Name(), entry: moved.entry}
	if err := x.putNode(&n); err != nil {
		return nil, err
	}
	size := int64(n.entry.Size)
	if err := x.touch(from.ancestors(), effect{grown: -size, membership: true}); err != nil {
		return nil, err
	}
	if err := x.touch(above, effect{grown: size, membership: true}); err != nil {
		return nil, err
	}
	if err := x.emit(kindMoved, owner, &n.entry, to.path, from.path); err != nil {
		return nil, err
	}
	entry, err := x.show(root, to.path, &n.entry)
	return &storageapi.WriteResponse{Entry: entry, Created: !to.found}, err
}

// Copy copies a file or a tree. Copies have ids of their own, and the dates of
// modification and dead properties of what they were made from. Content is shared.
func (t *Tree) Copy(ctx context.Context, owner string, request *storageapi.CopyRequest) (*storageapi.WriteResponse, error) {
	from, err := parse(request.GetSource())
	if err != nil {
		return nil, err
	}
	to, err := parse(request.GetDestination())
	if err != nil {
		return nil, err
	}
	r := relocation{from: from, to: to, overwrite: request.GetOverwrite(), deep: !request.GetShallow(), guard: request.GetConditions()}
	var response *storageapi.WriteResponse
	err = t.extend(ctx, owner, func(x *tx, root node) error {
		from, to, err := x.locateBoth(root, r)
		if err != nil {
			return err
		}
		source := &from.last().entry
		deep := r.deep || !source.Directory
		if deep {
			if err := x.staysNameable(from.last(), r.from, r.to); err != nil {
				return err
			}
		}
		var grown int64
		if deep {
			grown = int64(source.Size)
		}
		gone := int64(0)
		if to.found {
			gone = int64(to.last().entry.Size)
		}
		if err := x.fits(from.root(), grown-gone); err != nil {
			return err
		}
		if to.found {
			if err := x.replace(&to); err != nil {
				return err
			}
		}
		above := to.ancestors()
		copied, err := x.copyEntry(source, deep)
		if err != nil {
			return err
		}
		if source.Directory && deep {
			if err := x.copyBelow(source.ID, copied.ID); err != nil {
				return err
			}
		}
		n := node{parent: above[len(above)-1].entry.ID, name: r.to.Name(), entry: copied}
		response, err = x.finish(&to, &n, effect{grown: grown, membership: true}, kindCopied)
		return err
	})
	return response, err
}

// staysNameable refuses a relocation after which something below could not be named any
// more: its path would be longer, or deeper, than a path can be. n is what is relocated.
func (x *tx) staysNameable(n *node, from, to paths.Path) error {
	longer, deeper := len(to)-len(from), to.Depth()-from.Depth()
	if !n.entry.Directory || longer <= 0 && deeper <= 0 {
		return nil // all that is below had a path before
	}
	type folder struct {
		id   uint64
		path paths.Path
	}
	for pending := []folder{{n.entry.ID, to}}; len(pending) > 0; {
		next := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		err := x.children(next.id, func(child node) error {
			path := next.path.Child(child.name)
			if err := paths.CheckLength(path); err != nil {
				return refuse(http.StatusConflict, "not all that is in %s could be named there: %v", from, err)
			}
			if child.entry.Directory {
				pending = append(pending, folder{child.entry.ID, path})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyEntry returns a copy of one entry with an id of its own. A directory's copy that
// gets nothing into it is empty.
func (x *tx) copyEntry(source *record.Entry, deep bool) (record.Entry, error) {
	copied, err := x.newEntry(source.Directory)
	if err != nil {
		return copied, err
	}
	copied.Modified = source.Modified
	copied.Properties = source.Properties
	if deep {
		copied.Size = source.Size
	}
	copied.Blob, copied.SHA1, copied.MD5, copied.Adler32 = source.Blob, source.SHA1, source.MD5, source.Adler32
	return copied, x.refer(copied.Blob)
}

// copyBelow copies what is below one directory to another, however deep it is.
func (x *tx) copyBelow(source, destination uint64) error {
	type pair struct{ source, destination uint64 }
	for pending := []pair{{source, destination}}; len(pending) > 0; {
		next := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		var children []node
		err := x.children(next.source, func(n node) error {
			children = append(children, n)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range children {
			copied, err := x.copyEntry(&children[i].entry, true)
			if err != nil {
				return err
			}
			n := node{parent: next.destination, name: children[i].name, entry: copied}
			if err := x.putNode(&n); err != nil {
				return err
			}
			if copied.Directory {
				pending = append(pending, pair{children[i].entry.ID, copied.ID})
			}
		}
	}
	return nil
}
