package chaos

import (
	"slices"
	"sync"
	"time"
)

// aftermath is for how long after a recovery a request still counts as one of it: callers
// of the child may hold broken connections that they notice late.
const aftermath = time.Second

// maxFailures bounds how many kinds of failures are told apart.
const maxFailures = 20

// Counts are what became of requests. Each request is in one of the last three at most.
type Counts struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	Refused  int `json:"refused"`
	// Lost were inside the child that they had connected to when it was hit with what
	// leaves it no time to finish them. No supervisor can bring those back.
	Lost int `json:"lost"`
}

func (c *Counts) add(outcome Outcome) {
	c.Requests++
	switch outcome {
	case Failed:
		c.Failed++
	case Refused:
		c.Refused++
	case Lost:
		c.Lost++
	}
}

// Failure is what several requests without a good answer have in common.
type Failure struct {
	Outcome Outcome   `json:"outcome"`
	Problem string    `json:"problem"`
	Count   int       `json:"count"`
	First   time.Time `json:"first"` // when the first and the last of them were sent
	Last    time.Time `json:"last"`
	During  []string  `json:"during"` // the services whose hits they may have felt
}

// A window is the time in which requests may feel a hit.
type window struct {
	service string
	signal  string
	began   time.Time
	ready   time.Time // zero: not yet
}

// covers tells whether a request was on its way between the hit and some time after the
// recovery.
func (w *window) covers(r request, after time.Duration) bool {
	return !r.ended.Before(w.began) && (w.ready.IsZero() || !r.began.After(w.ready.Add(after)))
}

// dying is how long a child may take to end, or to stop, after the crash call was made. A
// connection of later is in the held socket's queue, or with the replacement.
const dying = 100 * time.Millisecond

// took tells whether a request may have been inside the child when it was hit with what
// leaves it no time to finish.
func (w *window) took(r request) bool {
	return w.service == r.question.Service && w.signal != "SIGTERM" && w.covers(r, 0) && !r.began.After(w.began.Add(dying))
}

// attribute says what a request counts as, and which hits it may have felt. A broken
// connection is a failure like any other, unless the request may have been inside the
// child at its end when that was hit with what no child survives. Which of several instances was at its end cannot be seen from outside:
// a hit on one excuses all.
func attribute(r request, windows []*window) (Outcome, []*window) {
	var felt []*window
	excused := false
	for _, w := range windows {
		if !w.covers(r, aftermath) {
			continue
		}
		felt = append(felt, w)
		excused = excused || w.took(r)
	}
	switch {
	case r.outcome == Broken && excused:
		return Lost, felt
	case r.outcome == Broken:
		return Failed, felt
	}
	return r.outcome, felt
}

// tally counts requests. It is safe for concurrent use.
type tally struct {
	mu       sync.Mutex
	windows  []*window
	total    Counts
	services map[string]*Counts
	signals  map[string]*Counts
	failures []Failure // at most maxFailures
}

func newTally() *tally {
	return &tally{services: map[string]*Counts{}, signals: map[string]*Counts{}}
}

// open begins the window of a hit, and forgets those that no request can belong to.
func (t *tally) open(service, signal string, at time.Time) *window {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.windows = slices.DeleteFunc(t.windows, func(w *window) bool {
		return !w.ready.IsZero() && at.Sub(w.ready) > aftermath+2*requestTimeout
	})
	w := &window{service: service, signal: signal, began: at}
	t.windows = append(t.windows, w)
	return w
}

// close ends the window of a hit.
func (t *tally) close(w *window, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w.ready = at
}

// add counts a request: once in the total, and once for each service and each signal that
// it may have felt.
func (t *tally) add(r request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outcome, felt := attribute(r, t.windows)
	t.total.add(outcome)
	services, signals := []string{}, []string{}
	for _, w := range felt {
		services, signals = append(services, w.service), append(signals, w.signal)
	}
	services, signals = unique(services), unique(signals)
	count(t.services, services, outcome)
	count(t.signals, signals, outcome)
	if outcome != Answered {
		t.remember(r, outcome, services)
	}
}

// remember adds a request to the failures that are like it.
func (t *tally) remember(r request, outcome Outcome, during []string) {
	n := slices.IndexFunc(t.failures, func(f Failure) bool { return f.Outcome == outcome && f.Problem == r.problem })
	if n < 0 {
		if len(t.failures) == maxFailures {
			return // the counts have it
		}
		n = len(t.failures)
		t.failures = append(t.failures, Failure{Outcome: outcome, Problem: r.problem, First: r.began, Last: r.began, During: []string{}})
	}
	f := &t.failures[n]
	f.Count++
	if r.began.Before(f.First) { // those that were sent first need not end first
		f.First = r.began
	}
	if r.began.After(f.Last) {
		f.Last = r.began
	}
	f.During = unique(append(f.During, during...))
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func count(counts map[string]*Counts, names []string, outcome Outcome) {
	for _, name := range names {
		if counts[name] == nil {
			counts[name] = &Counts{}
		}
		counts[name].add(outcome)
	}
}
