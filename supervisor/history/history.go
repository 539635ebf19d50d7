// Package history remembers what happened, and tells those who follow.
//
// It owns the numbering and a bounded memory of events. A follower that is too slow
// loses events instead of delaying the supervisor; it sees the gap in the numbers.
package history

import (
	"context"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// kept is how many events are remembered.
const kept = 1000

// Log is the history of a runtime. It is safe for concurrent use and never blocks its
// writers.
type Log struct {
	mu      sync.Mutex
	events  []client.Event // a ring of at most kept, oldest first
	next    uint64
	changed chan struct{} // closed and replaced at each event
}

// New returns an empty history.
func New() *Log { return &Log{next: 1, changed: make(chan struct{})} }

// Add numbers an event, stamps it unless it has a time, and remembers it.
func (l *Log) Add(event client.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	event.Sequence = l.next
	l.next++
	if event.At.IsZero() {
		event.At = time.Now().UTC()
	}
	if len(l.events) == kept {
		l.events = append(l.events[:0:0], l.events[kept/10:]...)
	}
	l.events = append(l.events, event)
	close(l.changed)
	l.changed = make(chan struct{})
}

// Since returns the remembered events after a sequence number, and a channel that is
// closed at the next event.
func (l *Log) Since(sequence uint64) ([]client.Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var events []client.Event
	for _, event := range l.events {
		if event.Sequence > sequence {
			events = append(events, event)
		}
	}
	return events, l.changed
}

// Follow calls yield with each event after a sequence number until ctx is done or
// yield returns an error, which it returns.
func (l *Log) Follow(ctx context.Context, sequence uint64, yield func(client.Event) error) error {
	for {
		events, changed := l.Since(sequence)
		for _, event := range events {
			if err := yield(event); err != nil {
				return err
			}
			sequence = event.Sequence
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
