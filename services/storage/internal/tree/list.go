package tree

import (
	"context"
	"errors"
	"math"
	"net/http"

	"github.com/owncloud/ocis-runtime/services/internal/ration"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// A listing is of one moment, so all of it is in memory. Those that are small are made at
// once. Of the others only so many exist at the same time as fit into a part of the memory.

const (
	// smallListing is up to which size a listing is not asked about: some two thousand files.
	smallListing = 1 << 20
	// entryMemory is what an entry takes in memory beside what it takes in a message.
	entryMemory = 300
)

// Listing is a directory and its children as of one moment. The caller returns Share when
// it is not used any more.
type Listing struct {
	Directory *storageapi.Entry   // of a file: the file itself
	Children  []*storageapi.Entry // by name
	Memory    uint64              // about how many bytes the listing takes
	Share     *ration.Share       // nil: it is small
}

// List lists a directory. It blocks while others have the memory that it needs.
func (t *Tree) List(ctx context.Context, owner string, request *storageapi.ListRequest) (*Listing, error) {
	listing, err := t.list(ctx, owner, request, smallListing)
	if err != nil || listing.Memory <= smallListing {
		return listing, err
	}
	share, err := t.listings.Take(ctx, listing.Memory)
	if errors.Is(err, ration.ErrBusy) {
		return nil, refuse(http.StatusServiceUnavailable, "too many large folders are listed at the same time")
	}
	if err != nil {
		return nil, err
	}
	if listing, err = t.list(ctx, owner, request, math.MaxUint64); err != nil {
		share.Return()
		return nil, err
	}
	listing.Share = share
	return listing, nil
}

// list lists a directory. Of one that takes more memory than most it returns how much alone.
func (t *Tree) list(ctx context.Context, owner string, request *storageapi.ListRequest, most uint64) (*Listing, error) {
	listing := &Listing{}
	err := t.find(ctx, owner, request.GetPath(), request.GetConditions(), func(x *tx, at *place) error {
		locks, err := x.covering(at.root().entry.ID, at.path)
		if err != nil {
			return err
		}
		listing.Directory = x.describe(at.path, &at.last().entry, locks)
		if !at.last().entry.Directory {
			return nil
		}
		return x.listChildren(at, func(child *storageapi.Entry) {
			listing.Memory += uint64(Weight(child)) + entryMemory
			if listing.Memory <= most {
				listing.Children = append(listing.Children, child)
			} else {
				listing.Children = nil
			}
		})
	})
	return listing, err
}

// listChildren calls visit for what is in the directory at a place, by name.
func (x *tx) listChildren(at *place, visit func(*storageapi.Entry)) error {
	root := at.root().entry.ID
	lockless := x.lockless(root)
	return x.children(at.last().entry.ID, func(n node) error {
		path := at.path.Child(n.name)
		var locks []lock
		if !lockless {
			var err error
			if locks, err = x.covering(root, path); err != nil {
				return err
			}
		}
		visit(x.describe(path, &n.entry, locks))
		return nil
	})
}

// Weight is about how many bytes an entry has in a message; to count them would take a good
// part of the time of a listing.
func Weight(entry *storageapi.Entry) int {
	const fixed = 128
	bytes := fixed + len(entry.Path)
	for _, property := range entry.Properties {
		bytes += fixed + len(property.InnerXml)
	}
	for _, lock := range entry.Locks {
		bytes += fixed + len(lock.OwnerXml)
	}
	return bytes
}
