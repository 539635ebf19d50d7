package tree

import (
	"context"
	"time"
)

// houseInterval is how often the trash is emptied by age and old locks are dropped.
const houseInterval = 24 * time.Hour

// keepHouse removes what a crash has left, then at once and daily what is too old.
func (t *Tree) keepHouse(ctx context.Context) {
	removed, err := t.blobs.Sweep(ctx, t.unreferenced)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		t.options.Log.WithError(err).Warn("unused blobs stay until the next start")
	case removed > 0:
		t.options.Log.WithField("files", removed).Info("removed what unfinished writes had left")
	}
	ticker := time.NewTicker(houseInterval)
	defer ticker.Stop()
	for {
		if err := t.dropOld(ctx); err != nil && ctx.Err() == nil {
			t.options.Log.WithError(err).Warn("the trash could not be emptied by age; it is tried again tomorrow")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// dropOld drops expired locks, and purges what has been in the trash for longer than
// the retention. Where nothing is too old nothing is written.
func (t *Tree) dropOld(ctx context.Context) error {
	if err := t.update(ctx, (*tx).dropExpiredLocks); err != nil || t.options.Retention <= 0 {
		return err
	}
	var roots []node
	err := t.view(func(x *tx) error {
		return x.children(0, func(root node) error {
			roots = append(roots, root)
			return nil
		})
	})
	for i := 0; i < len(roots) && err == nil; i++ {
		for more := true; more && err == nil; {
			err = t.update(ctx, func(x *tx) (err error) {
				before := x.now - int64(t.options.Retention)
				more, err = x.purgeWhile(roots[i], func(d *trashed) bool { return d.Deleted < before })
				return err
			})
		}
	}
	return err
}
