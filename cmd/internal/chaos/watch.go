package chaos

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// Recovery is a hit, and what followed it.
type Recovery struct {
	Hit
	Instance string    `json:"instance,omitempty"`
	Pid      int       `json:"pid,omitempty"`     // of the child that was hit
	At       time.Time `json:"at,omitzero"`       // zero: the hit was not made
	Ready    Span      `json:"ready_seconds"`     // from the hit until another child was ready; 0: it was not seen
	Problem  string    `json:"problem,omitempty"` // why it was not made, or what did not follow

	incarnation string
	window      *window
}

// watch knows the hits whose recovery is awaited, and sees the events that tell of it.
// It is safe for concurrent use.
type watch struct {
	tally *tally
	tell  func(Recovery) // each hit, once, when it is known what became of it

	mu      sync.Mutex
	pending map[string]*Recovery // by instance
	settled []Recovery
	hit     map[string]bool // services
	changed chan struct{}   // closed and replaced at each event
}

func newWatch(tally *tally, tell func(Recovery)) *watch {
	return &watch{tally: tally, tell: tell, pending: map[string]*Recovery{}, hit: map[string]bool{}, changed: make(chan struct{})}
}

// expect begins the wait for a recovery: now.
func (w *watch) expect(hit Hit, instance client.Instance) *Recovery {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	r := &Recovery{
		Hit: hit, Instance: instance.Instance, Pid: instance.Pid, At: now, incarnation: instance.Incarnation,
		window: w.tally.open(hit.Service, hit.Signal, now),
	}
	w.pending[r.Instance] = r
	w.hit[r.Service] = true
	return r
}

// event takes an event of the runtime: a recovery is over when a child of another
// incarnation is ready. One that was hung and answers again has not recovered.
func (w *watch) event(event client.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.pending[event.Instance]
	if r != nil && event.Status == client.StatusReady && event.Incarnation != r.incarnation {
		r.Ready = Span(time.Since(r.At))
		w.settle(r)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// giveUp ends the wait for a recovery that was not seen.
func (w *watch) giveUp(r *Recovery, problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending[r.Instance] == r { // otherwise it came at the last moment
		r.Problem = problem
		w.settle(r)
	}
}

// skip notes a hit that was not made.
func (w *watch) skip(hit Hit, problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(&Recovery{Hit: hit, Problem: problem})
}

// settle is called with the lock held.
func (w *watch) settle(r *Recovery) {
	if r.window != nil {
		delete(w.pending, r.Instance)
		w.tally.close(r.window, time.Now())
	}
	w.settled = append(w.settled, *r)
	w.tell(*r)
}

// awaited returns the hits whose recovery is awaited, by instance, and a channel that is
// closed at the next event.
func (w *watch) awaited() (map[string]*Recovery, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.pending), w.changed
}

// everything returns what became of the hits, in the order of the schedule, and the services
// that were hit.
func (w *watch) everything() ([]Recovery, map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	recoveries := slices.Clone(w.settled)
	slices.SortFunc(recoveries, func(a, b Recovery) int { return a.Number - b.Number })
	return recoveries, maps.Clone(w.hit)
}
