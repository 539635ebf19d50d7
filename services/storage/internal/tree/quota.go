package tree

import (
	"context"
	"net/http"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// The quota is about the files of a user. The trash gets what they leave of it: when
// both together would exceed the quota, the oldest in the trash go for good.

// Usage returns what the owner's files take, and what may be added.
func (t *Tree) Usage(ctx context.Context, owner string) (*storageapi.UsageResponse, error) {
	available, err := t.reclaimable()
	if err != nil {
		return nil, err
	}
	var used uint64
	err = t.read(ctx, owner, func(_ *tx, root node) error {
		used = root.entry.Size
		return nil
	})
	if quota := t.options.Quota; quota > 0 {
		available = min(available, quota-min(quota, used))
	}
	return &storageapi.UsageResponse{UsedBytes: used, AvailableBytes: available}, err
}

// fits refuses growth beyond the quota.
func (x *tx) fits(root *node, grown int64) error {
	quota := x.tree.options.Quota
	if quota == 0 || grown <= 0 {
		return nil
	}
	if used := root.entry.Size; used > quota || uint64(grown) > quota-used {
		return refuse(http.StatusInsufficientStorage, "the quota of %d bytes is reached", quota)
	}
	return nil
}

// makeRoom purges the oldest of the trash until it and the files fit the quota.
func (x *tx) makeRoom(root node) error {
	quota := x.tree.options.Quota
	for quota > 0 {
		current, _, err := x.get(root.parent, root.name)
		if err != nil {
			return err
		}
		if current.entry.Trashed == 0 || current.entry.Size+current.entry.Trashed <= quota {
			return nil
		}
		purged, err := x.purgeOldest(root)
		if err != nil || !purged {
			return err
		}
	}
	return nil
}
