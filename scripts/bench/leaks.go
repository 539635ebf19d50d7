package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// What is killed, and how often: what is left is compared after few and after many.
const (
	leakChildren = 20
	leakFew      = 100
	leakMany     = 10_000
)

// A footprint is what a supervisor has in use.
type footprint struct {
	kib         float64
	descriptors int
	goroutines  int
}

// measureLeaks compares a supervisor after thousands of kills with itself after some.
func measureLeaks(ctx context.Context, b *bench) error {
	return withCrowd(ctx, setup{names: crowdNames(leakChildren), settings: []string{forgive}}, func(c *crowd) error {
		if err := c.killMany(ctx, leakFew); err != nil {
			return err
		}
		few, err := c.footprint(ctx)
		if err != nil {
			return err
		}
		if err := c.killMany(ctx, leakMany-leakFew); err != nil {
			return err
		}
		many, err := c.footprint(ctx)
		if err != nil {
			return err
		}
		kills := fmt.Sprintf("after %d kills, ratio to after %d", leakMany, leakFew)
		b.add(row{Group: "leaks", What: "memory of the supervisor " + kills, Target: 1.2, Unit: "x", Measured: many.kib / few.kib,
			Spread: fmt.Sprintf("%.1f MiB, %.1f MiB", many.kib/1024, few.kib/1024)})
		b.add(row{Group: "leaks", What: "goroutines " + kills, Target: 1, Unit: "x", Measured: float64(many.goroutines) / float64(few.goroutines),
			Spread: fmt.Sprintf("%d, %d", many.goroutines, few.goroutines)})
		b.add(row{Group: "leaks", What: "descriptors " + kills, Target: 1, Unit: "x", Measured: float64(many.descriptors) / float64(few.descriptors),
			Spread: fmt.Sprintf("%d, %d", many.descriptors, few.descriptors)})
		return nil
	})
}

// killMany kills all children in turns, several at the same time.
func (c *crowd) killMany(ctx context.Context, kills int) error {
	problems := make([]error, leakChildren)
	var killing sync.WaitGroup
	for n, name := range crowdNames(leakChildren) {
		killing.Go(func() {
			for range kills / leakChildren {
				if _, err := c.recover(ctx, name); err != nil {
					problems[n] = err
					return
				}
			}
		})
	}
	killing.Wait()
	return errors.Join(problems...)
}

// footprint looks when what the last kills left to be done is over.
func (c *crowd) footprint(ctx context.Context) (footprint, error) {
	if err := pause(ctx, settle); err != nil {
		return footprint{}, err
	}
	goroutines, err := c.goroutines(ctx)
	if err != nil {
		return footprint{}, err
	}
	memory, err := proportionalSetSize(c.pid)
	if err != nil {
		return footprint{}, err
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.pid))
	return footprint{kib: float64(memory) / 1024, descriptors: len(descriptors), goroutines: goroutines}, err
}

func (c *crowd) goroutines(ctx context.Context) (count int, err error) {
	before, _ := c.saidGoroutines()
	if err := syscall.Kill(c.pid, syscall.SIGUSR1); err != nil {
		return 0, err
	}
	err = c.until(ctx, recoveryPatience, func(context.Context) error {
		answers, last := c.saidGoroutines()
		if answers == before {
			return errors.New("it does not say how many goroutines it has")
		}
		count = last
		return nil
	})
	return count, err
}

// saidGoroutines returns how often the supervisor has said how many it has, and the last number.
func (c *crowd) saidGoroutines() (answers, last int) {
	file, err := os.Open(filepath.Join(c.dir, "output"))
	if err != nil {
		return 0, 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if number, ok := strings.CutPrefix(lines.Text(), "goroutines "); ok {
			answers++
			fmt.Sscan(number, &last)
		}
	}
	return answers, last
}
