package metrics

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// Recorder counts what happens to instances. Its methods are quick, never wait for a
// scrape that is under way, and are safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	tallies map[named]*tally
}

// named is an instance of a service.
type named struct {
	service  string
	instance string
}

// tally is what was counted of one instance.
type tally struct {
	named
	exits  map[string]uint64 // by reason
	ready  histogram
	health histogram
	last   string // the incarnation that was ready last
}

// NewRecorder returns one that has counted nothing.
func NewRecorder() *Recorder { return &Recorder{tallies: map[named]*tally{}} }

// Exited counts the end of a process, or a start that failed.
func (r *Recorder) Exited(service, instance string, exit client.Exit) {
	reason := reasonOf(exit)
	r.record(service, instance, func(t *tally) { t.exits[reason]++ })
}

// Ready counts an incarnation that became ready, and the time since its start. One that is
// ready again, after it was unhealthy, is not counted again.
func (r *Recorder) Ready(service, instance, incarnation string, took time.Duration) {
	r.record(service, instance, func(t *tally) {
		if t.last != incarnation {
			t.last = incarnation
			t.ready.observe(took)
		}
	})
}

// HealthAnswered counts the answer to a health check, good or bad, and the time since the
// question. A check without an answer ends the process, and is counted as an exit.
func (r *Recorder) HealthAnswered(service, instance string, took time.Duration) {
	r.record(service, instance, func(t *tally) { t.health.observe(took) })
}

func (r *Recorder) record(service, instance string, change func(*tally)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := named{service, instance}
	t, ok := r.tallies[key]
	if !ok {
		t = &tally{named: key, exits: map[string]uint64{}, ready: newHistogram(readyBounds), health: newHistogram(healthBounds)}
		r.tallies[key] = t
	}
	change(t)
}

// reasons returns those that occurred, sorted.
func (t *tally) reasons() []string { return slices.Sorted(maps.Keys(t.exits)) }

// snapshot returns copies, sorted by service and instance.
func (r *Recorder) snapshot() []tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	tallies := make([]tally, 0, len(r.tallies))
	for _, t := range r.tallies {
		tallies = append(tallies, tally{named: t.named, exits: maps.Clone(t.exits), ready: t.ready.clone(), health: t.health.clone()})
	}
	slices.SortFunc(tallies, func(a, b tally) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.instance, b.instance))
	})
	return tallies
}
