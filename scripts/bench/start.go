package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// The starts that are measured.
const (
	firstStarts = 3
	laterStarts = 7
)

// measureStart starts with nothing, everything generated, and with existing data.
func measureStart(ctx context.Context, b *bench) error {
	return scratch(func(dir string) error {
		var first, later []float64
		for i := range firstStarts {
			took, err := startAndStop(ctx, b.binary, filepath.Join(dir, fmt.Sprintf("data%d", i)))
			if err != nil {
				return err
			}
			first = append(first, took.Seconds())
		}
		for range laterStarts {
			took, err := startAndStop(ctx, b.binary, filepath.Join(dir, "data0"))
			if err != nil {
				return err
			}
			later = append(later, took.Seconds())
		}
		b.add(row{Group: "start", What: "start with existing data to PROPFIND", Target: 0.7, Unit: "s", Measured: median(later), Spread: spread(later, "%.2f")})
		b.add(row{Group: "start", What: "first start, everything generated", Target: 1.5, Unit: "s", Measured: median(first), Spread: spread(first, "%.2f")})
		b.note("Start: from the exec of ocis server to a PROPFIND answered with 207 through the proxy with TLS and basic authentication. A comparable system in one process: 2.3 s to the first answer, 3.5 s to PROPFIND.")
		return nil
	})
}

func startAndStop(ctx context.Context, binary, dir string) (time.Duration, error) {
	s, err := startStack(ctx, binary, dir)
	if err != nil {
		return 0, err
	}
	return s.took, s.stop()
}
