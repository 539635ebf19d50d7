package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

const listRuns = 20

// measureList runs `ocis list` from exec to exit.
func measureList(ctx context.Context, b *bench) error {
	return withStack(ctx, b, func(s *stack) error {
		var runs []float64
		for range listRuns {
			if err := ctx.Err(); err != nil {
				return err
			}
			began := time.Now()
			output, err := s.command("list").CombinedOutput()
			took := time.Since(began)
			if err != nil {
				return fmt.Errorf("ocis list: %w: %s", err, bytes.TrimSpace(output))
			}
			runs = append(runs, float64(took.Microseconds())/1000)
		}
		b.add(row{Group: "list", What: "ocis list, the whole process", Target: 50, Unit: "ms", Measured: median(runs), Spread: spread(runs, "%.1f")})
		return nil
	})
}
