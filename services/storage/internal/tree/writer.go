package tree

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
)

var errClosing = refuse(http.StatusServiceUnavailable, "the storage is closing")

// maxBatch bounds how many changes share a transaction.
const maxBatch = 256

// change is one operation that waits for its transaction. run may be called again
// when another change of the same transaction fails, so it begins by forgetting what
// it did before.
type change struct {
	ctx  context.Context
	run  func(*tx) error
	err  error
	done chan struct{}
}

// writer runs changes, all that wait in one transaction: while one is being synced to
// disk the next ones gather. A lone change waits for nobody.
type writer struct {
	tree     *Tree
	progress progress

	mu     sync.Mutex
	queue  []*change
	closed bool
	wake   chan struct{}

	unused  chan removal
	running sync.WaitGroup
}

// removal is what follows from a transaction that is on disk.
type removal struct {
	blobs []blobs.ID        // nothing refers to them any more
	done  []chan<- struct{} // to be closed when they, and all before them, are removed
}

func newWriter(t *Tree) *writer {
	w := &writer{tree: t, wake: make(chan struct{}, 1), unused: make(chan removal, 64)}
	w.running.Go(w.loop)
	w.running.Go(w.removeUnused)
	return w
}

// update runs a change and returns when it is on disk, or when it failed and did
// nothing. A ctx that is done before the change begins makes it fail.
func (t *Tree) update(ctx context.Context, run func(*tx) error) error {
	c := &change{ctx: ctx, run: run, done: make(chan struct{})}
	if !t.writer.enqueue(c) {
		return errClosing
	}
	<-c.done
	return c.err
}

func (w *writer) enqueue(c *change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.queue = append(w.queue, c)
	wake(w.wake)
	return true
}

// close lets the waiting changes finish.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	wake(w.wake)
	w.running.Wait()
}

func (w *writer) loop() {
	defer close(w.unused)
	for range w.wake {
		for {
			batch, closed := w.take()
			w.progress.busy.Store(len(batch) > 0)
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			w.commit(batch)
			for _, c := range batch {
				close(c.done)
			}
		}
	}
}

func (w *writer) take() (batch []*change, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), maxBatch)
	batch, w.queue = w.queue[:n:n], w.queue[n:]
	return batch, w.closed
}

// commit runs the changes of a batch. One that fails after it has written something
// spoils the transaction; the others are run again without it.
func (w *writer) commit(batch []*change) {
	for {
		spoiler, err := w.attempt(batch)
		if spoiler == nil {
			if err != nil {
				for _, c := range batch {
					if c.err == nil {
						c.err = err
					}
				}
			}
			return
		}
		rest := make([]*change, 0, len(batch)-1)
		for _, c := range batch {
			if c != spoiler {
				rest = append(rest, c)
			}
		}
		batch = rest
	}
}

func (w *writer) attempt(batch []*change) (spoiler *change, err error) {
	bolt, err := w.tree.db.Begin(true)
	if err != nil {
		return nil, err
	}
	defer bolt.Rollback() // without effect after Commit
	w.progress.steps.Add(1)
	x := newTx(w.tree, bolt)
	trimmed, err := x.trimOutbox()
	if err != nil {
		return nil, err
	}
	for _, c := range batch {
		if c.err = c.ctx.Err(); c.err != nil {
			continue
		}
		x.begin()
		if c.err = c.run(x); c.err != nil && x.dirty {
			return c, nil
		}
		x.written = x.written || x.dirty
	}
	if !x.written {
		return nil, nil
	}
	w.progress.steps.Add(1)
	if err := bolt.Commit(); err != nil {
		return nil, err
	}
	w.committed(x, trimmed)
	return nil, nil
}

// committed does what follows from a transaction that is on disk.
func (w *writer) committed(x *tx, trimmed uint64) {
	w.tree.outbox.gone.Store(trimmed)
	if len(x.unused.blobs)+len(x.unused.done) > 0 {
		w.unused <- x.unused
	}
	if x.emitted {
		wake(w.tree.outbox.added)
	}
	if x.purging {
		wake(w.tree.purge)
	}
}

func (w *writer) removeUnused() {
	for unused := range w.unused {
		for _, id := range unused.blobs {
			if err := w.tree.blobs.Remove(id); err != nil && !errors.Is(err, os.ErrNotExist) {
				w.tree.options.Log.WithError(err).Warn("an unused blob stays for some weeks")
			}
		}
		for _, done := range unused.done {
			close(done)
		}
	}
}

// view runs f in a read transaction.
func (t *Tree) view(f func(*tx) error) error {
	return t.db.View(func(bolt *bbolt.Tx) error {
		x := newTx(t, bolt)
		x.begin()
		return f(x)
	})
}
