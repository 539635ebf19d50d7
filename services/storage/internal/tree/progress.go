package tree

import (
	"sync"
	"sync/atomic"
	"time"
)

// progress tells a writer that gets on from one that is stuck. How long a change takes
// does not: a tree may be large, and a disk slow.
type progress struct {
	busy  atomic.Bool   // changes are being made, or brought to disk
	steps atomic.Uint64 // grows with everything that a change does

	mu    sync.Mutex
	seen  uint64
	since time.Time // when steps was first seen to be what it is, or the writer was idle
}

// stalled returns for how long, from one call to the next, no step was seen although
// there is something to do.
func (p *progress) stalled(now time.Time) time.Duration {
	steps, busy := p.steps.Load(), p.busy.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !busy || steps != p.seen || p.since.IsZero() {
		p.seen, p.since = steps, now
	}
	return now.Sub(p.since)
}

// Stalled returns for how long changes wait although none takes a step forward; 0: they
// get through, however slowly, or there is none. It does not block, and notices only
// what lasts from one call to another.
func (t *Tree) Stalled() time.Duration { return t.writer.progress.stalled(time.Now()) }
