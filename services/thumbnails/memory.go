package thumbnails

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// defaultMemory is what the process may take when nobody set GOMEMLIMIT.
	defaultMemory = 1 << 30
	// Three quarters of the soft limit are for pictures; the rest is for all else, and for
	// what Go's collector has not come to yet.
	pictureNumerator, pictureDenominator = 3, 4
	// The process ends itself when its heap passes the soft limit by a quarter, which is the
	// hard limit of the runtime's budget, where the kernel does not do so.
	deadlyNumerator, deadlyDenominator = 5, 4
	// headerBytes is what reading a header takes.
	headerBytes = 1 << 20
	// memoryInterval is how often the heap is looked at while a picture is decoded.
	memoryInterval = 20 * time.Millisecond
)

// memory is shared out among the pictures that are decoded at the same time.
type memory struct {
	limit int64 // soft, of the process
	gate  *semaphore.Weighted
}

func newMemory() *memory {
	m := &memory{limit: debug.SetMemoryLimit(-1)} // which changes nothing
	if m.limit == math.MaxInt64 {
		m.limit = defaultMemory
		debug.SetMemoryLimit(m.limit)
	}
	m.gate = semaphore.NewWeighted(m.most())
	return m
}

// most is what pictures may take together, in bytes.
func (m *memory) most() int64 { return m.limit / pictureDenominator * pictureNumerator }

// deadly is how large the heap may get.
func (m *memory) deadly() int64 { return m.limit / deadlyDenominator * deadlyNumerator }

// place is what one picture has of the memory; nothing at first.
type place struct {
	memory *memory
	bytes  int64
}

func (m *memory) place() *place { return &place{memory: m} }

// take waits for memory. Before it is called again, leave is.
func (p *place) take(ctx context.Context, bytes int64) error {
	if err := p.memory.gate.Acquire(ctx, bytes); err != nil {
		return late(ctx, fmt.Errorf("wait for memory: %w", err))
	}
	p.bytes = bytes
	return nil
}

// takeAll waits until no other picture is decoded in this process.
func (p *place) takeAll(ctx context.Context) error { return p.take(ctx, p.memory.most()) }

// leave gives the memory back.
func (p *place) leave() {
	p.memory.gate.Release(p.bytes)
	p.bytes = 0
}

// used is the size of the heap, with what the collector has not freed yet.
func (m *memory) used() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
