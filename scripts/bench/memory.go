package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

// settle is how long the stack is left alone before it is looked at: what a start
// leaves to be collected or written is over by then.
const settle = 5 * time.Second

// measureMemory sums the proportional set size of all processes after a start.
func measureMemory(ctx context.Context, b *bench) error {
	return withStack(ctx, b, func(s *stack) error {
		if err := pause(ctx, settle); err != nil {
			return err
		}
		family, err := familyOf(s.pid)
		if err != nil {
			return err
		}
		var sum float64
		for _, process := range family {
			bytes, err := proportionalSetSize(process.pid)
			if err != nil {
				return err
			}
			mib := float64(bytes) / (1 << 20)
			sum += mib
			b.sizes = append(b.sizes, size{Command: process.command(), PSS: mib})
		}
		b.add(row{Group: "memory", What: "memory of all processes after start", Target: 200, Unit: "MiB", Measured: sum})
		b.note("Memory: proportional set size %s after the start. A comparable system in one process: 334 MiB.", settle)
		return nil
	})
}

// withStack calls do with a stack that has started with existing data.
func withStack(ctx context.Context, b *bench, do func(*stack) error) error {
	return scratch(func(dir string) (err error) {
		data := filepath.Join(dir, "ocis")
		if _, err := startAndStop(ctx, b.binary, data); err != nil {
			return err
		}
		s, err := startStack(ctx, b.binary, data)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		return do(s)
	})
}

// pause waits; the measurement itself is over time.
func pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}
