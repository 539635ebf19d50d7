package tree

import (
	"context"
	"time"
)

// houseInterval is how often the trash is emptied by age and old locks are dropped.
const houseInterval = 24 * time.Hour

// keepHouse looks for what a crash has left, then at once and daily removes what is too
// old.
func (t *Tree) keepHouse(ctx context.Context) {
	if t.keepLeftovers(ctx); ctx.Err() != nil {
		return
	}
	ticker := time.NewTicker(houseInterval)
	defer ticker.Stop()
	for {
		if err := t.dropOld(ctx); err != nil && ctx.Err() == nil {
			t.options.Log.WithError(err).Warn("what is too old could not be removed; it is tried again tomorrow")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// keepLeftovers sweeps, and says what it found.
func (t *Tree) keepLeftovers(ctx context.Context) {
	removed, noted, err := t.sweep(ctx)
	if removed > 0 {
		t.options.Log.WithField("files", removed).Info("removed what was not written to its end")
	}
	if noted > 0 {
		t.options.Log.WithField("files", noted).Warnf(
			"content that %s does not know is kept for %d days: if that file is not the newest there is, stop, put the newest in its place, and start",
			databaseFile, keepUnused/(24*time.Hour))
	}
	if err != nil && ctx.Err() == nil {
		t.options.Log.WithError(err).Warn("unused content stays until the next start")
	}
}

// dropOld drops expired locks and unused content, and purges what has been in the trash for longer than
// the retention. Where nothing is too old nothing is written.
func (t *Tree) dropOld(ctx context.Context) error {
	if err := t.update(ctx, (*tx).dropExpiredLocks); err != nil {
		return err
	}
	if err := t.dropUnused(ctx, t.options.Now().Add(-keepUnused)); err != nil || t.options.Retention <= 0 {
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
