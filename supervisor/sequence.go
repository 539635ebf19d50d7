package supervisor

import (
	"sync"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/history"
)

// sequence puts the events of one instance into the history in the order in which they
// happened. What is told of an end is found out beside the next start, so events that
// happened later wait for it here; the start itself does not. It is safe for concurrent use.
type sequence struct {
	history *history.Log

	mu      sync.Mutex
	waiting []happening // the first is an end that is not told yet
}

// happening is an event, or an end that is still to be told.
type happening struct {
	ended string // the incarnation; empty: event is there
	event client.Event
}

// ended keeps the place of what will be told of an end.
func (q *sequence) ended(incarnation string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, happening{ended: incarnation})
}

// tell adds an event that has just happened.
func (q *sequence) tell(event client.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, happening{event: event})
	q.pass()
}

// tellEnd adds what is known of an end, at its place.
func (q *sequence) tellEnd(event client.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := range q.waiting {
		if q.waiting[n].ended == event.Incarnation {
			q.waiting[n] = happening{event: event}
			break
		}
	}
	q.pass()
}

// pass hands over what nothing earlier is missing of. The caller holds the lock.
func (q *sequence) pass() {
	for len(q.waiting) > 0 && q.waiting[0].ended == "" {
		q.history.Add(q.waiting[0].event)
		q.waiting = q.waiting[1:]
	}
}
