// Package ration shares out memory among requests that need much of it, so that as many as
// come at once do not add up to more than the process may have.
//
// It owns the waiting, in the order of arrival. It leaves to its callers what a request
// needs, which they estimate, and which requests are too small to be asked. It does not
// bound a single one: what is larger than all there is to share out gets it when nobody
// else has any, and then takes what it needs.
package ration

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy means that others had the memory for as long as it was waited for.
var ErrBusy = errors.New("too many large requests at the same time")

// wait bounds how long a request waits for others.
const wait = 20 * time.Second

// unlimited is shared out by a process whose memory nobody limits.
const unlimited = 512 << 20

// Larder is memory that is shared out. It is safe for concurrent use.
type Larder struct {
	bytes int64
	free  *semaphore.Weighted
}

// New returns a larder of that many bytes, at least one.
func New(bytes int64) *Larder {
	bytes = max(bytes, 1)
	return &Larder{bytes: bytes, free: semaphore.NewWeighted(bytes)}
}

// HalfOfMemory returns a larder of half of what the process may have (GOMEMLIMIT).
func HalfOfMemory() *Larder {
	limit := debug.SetMemoryLimit(-1) // changes nothing (runtime/debug)
	if limit == math.MaxInt64 {
		return New(unlimited)
	}
	return New(limit / 2)
}

// Share is what a request has of a larder; nil is nothing. It is for one goroutine.
type Share struct {
	larder *Larder
	bytes  int64
}

// TryTake returns a share, if nobody has to be waited for.
func (l *Larder) TryTake(bytes uint64) (*Share, bool) {
	share := &Share{larder: l, bytes: l.portion(bytes)}
	return share, l.free.TryAcquire(share.bytes)
}

// Take returns a share. It blocks for as long as others have the memory, at most some
// seconds: then the error is ErrBusy. It is the context's when that ends earlier.
func (l *Larder) Take(ctx context.Context, bytes uint64) (*Share, error) {
	share := &Share{larder: l, bytes: l.portion(bytes)}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := l.free.Acquire(waiting, share.bytes); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for memory: %w", context.Cause(ctx))
		}
		return nil, ErrBusy
	}
	return share, nil
}

// portion is what there is for a request of that many bytes.
func (l *Larder) portion(bytes uint64) int64 { return int64(min(bytes, uint64(l.bytes))) }

// Keep gives back all but bytes of a share.
func (s *Share) Keep(bytes uint64) {
	if s == nil || bytes >= uint64(s.bytes) {
		return
	}
	s.larder.free.Release(s.bytes - int64(bytes))
	s.bytes = int64(bytes)
}

// Return gives back all of a share.
func (s *Share) Return() { s.Keep(0) }
