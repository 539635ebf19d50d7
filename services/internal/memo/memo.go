// Package memo remembers answers for a while, in bounded memory.
//
// It owns expiry and the bound. When too much is remembered, the older half is forgotten
// early, whether it is in use or not: no order of use has to be kept on the path of each
// request, so what a memo holds must be cheap enough to ask for again.
package memo

import (
	"maps"
	"sync"
	"time"
)

// Memo maps keys to values that expire. It is safe for concurrent use.
type Memo[K comparable, V any] struct {
	size int
	now  func() time.Time

	mu sync.RWMutex
	// Once young is full it becomes old, and what was old is forgotten.
	young, old map[K]item[V]
}

type item[V any] struct {
	value   V
	expires time.Time
}

// New returns a memo of at most twice size entries. now is the clock, time.Now in life.
func New[K comparable, V any](size int, now func() time.Time) *Memo[K, V] {
	return &Memo[K, V]{size: size, now: now, young: make(map[K]item[V])}
}

// Get returns what is remembered under key, unless it has expired.
func (m *Memo[K, V]) Get(key K) (V, bool) {
	m.mu.RLock()
	known, ok := m.young[key]
	if !ok {
		known, ok = m.old[key]
	}
	m.mu.RUnlock()
	if !ok || !m.now().Before(known.expires) {
		var zero V
		return zero, false
	}
	return known.value, true
}

// Forget forgets the entries that match, which it is asked for one by one.
func (m *Memo[K, V]) Forget(match func(V) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, entries := range []map[K]item[V]{m.young, m.old} {
		maps.DeleteFunc(entries, func(_ K, i item[V]) bool { return match(i.value) })
	}
}

// Put remembers value under key until expires.
func (m *Memo[K, V]) Put(key K, value V, expires time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.old, key)
	if len(m.young) >= m.size {
		m.old, m.young = m.young, make(map[K]item[V])
	}
	m.young[key] = item[V]{value: value, expires: expires}
}
