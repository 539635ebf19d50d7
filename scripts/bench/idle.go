package main

import (
	"context"
	"fmt"
	"time"
)

// idleWindow is how long the CPU time at rest is counted. One tick of 10 ms is 0.07 % of it.
const idleWindow = 15 * time.Second

// measureIdle counts the CPU time of all processes while nobody asks for anything.
func measureIdle(ctx context.Context, b *bench) error {
	return withStack(ctx, b, func(s *stack) error {
		if err := pause(ctx, settle); err != nil {
			return err
		}
		before, err := cpuOf(s.pid)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := pause(ctx, idleWindow); err != nil {
			return err
		}
		after, err := cpuOf(s.pid)
		if err != nil {
			return err
		}
		var used time.Duration
		for service, cpu := range after {
			if service != generator {
				used += cpu - before[service]
			}
		}
		percent := 100 * used.Seconds() / time.Since(began).Seconds()
		b.add(row{
			Group: "idle", What: "CPU of all processes at rest", Target: 1, Unit: "%", Measured: percent,
			Spread: fmt.Sprintf("%s in %s, of one core", used, idleWindow),
		})
		return nil
	})
}
