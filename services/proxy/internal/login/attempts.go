package login

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/memo"
)

// pace is how fast wrong tries are let through to the users service: some at once, the
// following one by one. Verifying costs tens of milliseconds and megabytes of memory by
// design: nobody may burn the machine, or guess passwords quickly.
type pace struct {
	atOnce int
	every  time.Duration
}

// The paces. There is none for a user by name alone: anybody could lock anybody out.
var (
	ofPerson  = pace{atOnce: 10, every: 2 * time.Second} // one user's name from one network
	ofNetwork = pace{atOnce: 60, every: time.Second}
	ofAll     = pace{atOnce: 600, every: 100 * time.Millisecond} // networks where nobody was right yet
)

// maxWait is how long a try waits for its turn at most. With more before it, it is refused.
const maxWait = 5 * time.Second

// next returns how long a try has to wait when those before it are used up at a time, and
// when it is used up itself.
func (p pace) next(usedUp, now time.Time) (wait time.Duration, after time.Time) {
	if usedUp.Before(now) {
		usedUp = now
	}
	after = usedUp.Add(p.every)
	return max(0, after.Sub(now)-time.Duration(p.atOnce)*p.every), after
}

// person is whom tries are about and where they come from.
type person struct{ username, network string }

// attempts queues wrong tries by person, by network and in all. It is safe for concurrent
// use.
type attempts struct {
	now func() time.Time

	mu       sync.Mutex
	persons  *queues[person]
	networks *queues[string]
	all      *queues[struct{}]
	familiar *memo.Memo[string, struct{}] // networks where somebody was right
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{
		now:      now,
		persons:  newQueues[person](ofPerson, remembered, now),
		networks: newQueues[string](ofNetwork, remembered, now),
		all:      newQueues[struct{}](ofAll, 1, now),
		familiar: memo.New[string, struct{}](remembered, now),
	}
}

// begin counts a try as wrong and returns how long it has to wait for its turn; ok is
// false when that is too long, and then it does not count. When the try was not wrong, undo
// takes it back. Counting first keeps tries that run at the same time from passing all at
// once.
func (a *attempts) begin(username, address string) (wait time.Duration, undo func(), ok bool) {
	who := person{username: strings.ToLower(username), network: network(address)}
	a.mu.Lock()
	defer a.mu.Unlock()
	turns := []turn{a.persons.next(who), a.networks.next(who.network)}
	if _, known := a.familiar.Get(who.network); !known {
		turns = append(turns, a.all.next(struct{}{}))
	}
	for _, t := range turns {
		wait = max(wait, t.wait)
	}
	// Who is refused takes no turn, and so cannot fill anybody's memory.
	if wait > maxWait {
		return 0, nil, false
	}
	for _, t := range turns {
		t.take()
	}
	return wait, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, t := range turns {
			t.giveBack()
		}
	}, true
}

// right notes that somebody was right there: the tries of all others do not hold up people
// who come from there.
func (a *attempts) right(address string) {
	a.familiar.Put(network(address), struct{}{}, a.now().Add(trustedFor))
}

// queues are the tries at one pace, by what they have in common.
type queues[K comparable] struct {
	pace   pace
	now    func() time.Time
	usedUp *memo.Memo[K, time.Time] // when the last try is; without one it has been
}

func newQueues[K comparable](p pace, size int, now func() time.Time) *queues[K] {
	return &queues[K]{pace: p, now: now, usedUp: memo.New[K, time.Time](size, now)}
}

// turn is the next place in a queue.
type turn struct {
	wait           time.Duration
	take, giveBack func()
}

func (q *queues[K]) next(key K) turn {
	before, _ := q.usedUp.Get(key)
	wait, after := q.pace.next(before, q.now())
	return turn{
		wait: wait,
		take: func() { q.usedUp.Put(key, after, after) },
		giveBack: func() {
			if usedUp, ok := q.usedUp.Get(key); ok {
				usedUp = usedUp.Add(-q.pace.every)
				q.usedUp.Put(key, usedUp, usedUp)
			}
		},
	}
}

// network is what one attacker has: an IPv4 address, or the 64 bits of an IPv6 network.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
