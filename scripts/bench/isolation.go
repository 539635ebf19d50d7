package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Who is isolated, as in the environment.
const (
	isolateAll  = "OCIS_ISOLATE=all"
	isolateNone = "OCIS_ISOLATE=none"
)

// measureIsolation compares a stack whose services are all isolated with one where none is,
// in turns: how long a service is away after kill -9, and how much WebDAV is served.
func measureIsolation(ctx context.Context, b *bench) error {
	return scratch(func(dir string) (err error) {
		stacks := map[string]*stack{}
		for _, setting := range []string{isolateNone, isolateAll} {
			s, err := startStack(ctx, b.binary, filepath.Join(dir, setting[len("OCIS_ISOLATE="):]), forgive, setting)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.stop()) }()
			stacks[setting] = s
		}
		if err := b.compareRecovery(ctx, stacks[isolateNone], stacks[isolateAll]); err != nil {
			return err
		}
		return b.compareThroughput(ctx, stacks[isolateNone], stacks[isolateAll])
	})
}

// compareRecovery kills each service on both stacks, in turns.
func (b *bench) compareRecovery(ctx context.Context, open, closed *stack) (err error) {
	services, err := open.recoverables(ctx)
	if err != nil {
		return err
	}
	stacks := []*stack{open, closed}
	took := map[*stack][]float64{}
	bySvc := map[string]map[*stack][]float64{}
	watches := map[*stack]*watch{}
	for _, s := range stacks {
		watches[s] = watchEvents(ctx, s)
		defer func() { err = errors.Join(err, watches[s].close()) }()
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	for round := range recoveries {
		for _, r := range services {
			if bySvc[r.service] == nil {
				bySvc[r.service] = map[*stack][]float64{}
			}
			for _, s := range []*stack{stacks[round%2], stacks[1-round%2]} {
				each, err := watches[s].killAndWait(ctx, s, r.service)
				if err != nil {
					return fmt.Errorf("%s: %w", r.service, err)
				}
				took[s] = append(took[s], milliseconds(each))
				bySvc[r.service][s] = append(bySvc[r.service][s], milliseconds(each))
			}
		}
	}
	most := 0.0
	for _, r := range services {
		most = max(most, median(bySvc[r.service][closed])-median(bySvc[r.service][open]))
	}
	b.add(row{
		Group: "isolation", What: "kill -9 to ready, more than without isolation", Target: 15, Unit: "ms",
		Measured: median(took[closed]) - median(took[open]),
		Spread:   fmt.Sprintf("%.1f ms, without %.1f ms; the most of one service is %.1f ms", median(took[closed]), median(took[open]), most),
	})
	return nil
}

// compareThroughput lets clients read and write on both stacks, in turns.
func (b *bench) compareThroughput(ctx context.Context, open, closed *stack) error {
	contenders := []*contender{{name: "open", pid: open.pid, endpoint: open.endpoint}, {name: "isolated", pid: closed.pid, endpoint: closed.endpoint}}
	for _, c := range contenders {
		defer c.disconnect()
		if err := c.prepare(ctx); err != nil {
			return fmt.Errorf("prepare %s: %w", c.name, err)
		}
	}
	measured := []operation{operations[opGet], operations[opPut]}
	for round := range 2 * rounds { // a ratio close to 1 needs more than one that is far from it
		for _, c := range inTurn(contenders, round) {
			if err := c.beginRound(round); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			for _, o := range measured {
				if err := c.run(ctx, o); err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, o.name, err)
				}
			}
		}
	}
	for _, o := range measured {
		without, with := median(contenders[0].rates[o.name]), median(contenders[1].rates[o.name])
		b.add(row{
			Group: "isolation", What: o.name + " with everything isolated, to without", Target: 0.95, AtLeast: true, Unit: "x",
			Measured: with / without, Spread: fmt.Sprintf("%.0f/s, without %.0f/s", with, without),
		})
	}
	return nil
}
