package login

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/memo"
)

// window is how long a wrong try counts.
const window = time.Minute

// Wrong tries that are let through to the users service in a window. Verifying costs
// tens of milliseconds and megabytes of memory by design: nobody may burn the machine.
const (
	perUser    = 20
	perAddress = 60
	inAll      = 600
)

// attempts counts wrong tries by user, by address and in all.
type attempts struct {
	now func() time.Time

	mu        sync.Mutex
	all       *memo.Memo[struct{}, *int]
	addresses *memo.Memo[string, *int]
	users     *memo.Memo[string, *int]
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{
		now:       now,
		all:       memo.New[struct{}, *int](1, now),
		addresses: memo.New[string, *int](remembered, now),
		users:     memo.New[string, *int](remembered, now),
	}
}

// begin counts a try as wrong, unless there were too many: then it returns false. The
// result of a try that was not wrong is given to undo. Counting first keeps tries that
// run at the same time from passing all at once.
func (a *attempts) begin(username, address string) (undo func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// In this order: who is refused already cannot fill the memory of the next.
	all := counter(a.all, struct{}{}, a.now())
	if *all >= inAll {
		return nil, false
	}
	ofAddress := counter(a.addresses, network(address), a.now())
	if *ofAddress >= perAddress {
		return nil, false
	}
	ofUser := counter(a.users, strings.ToLower(username), a.now())
	if *ofUser >= perUser {
		return nil, false
	}
	counts := [...]*int{all, ofAddress, ofUser}
	for _, count := range counts {
		*count++
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, count := range counts {
			*count--
		}
	}, true
}

// counter returns the count of a window that begins with its first try.
func counter[K comparable](counts *memo.Memo[K, *int], key K, now time.Time) *int {
	count, ok := counts.Get(key)
	if !ok {
		count = new(int)
		counts.Put(key, count, now.Add(window))
	}
	return count
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
