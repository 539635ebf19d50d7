package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// The crowd: as many children as it has, and the few that it is compared with.
const (
	crowdSize   = 300
	crowdFew    = 10
	crowdRounds = 3
)

// A setup says how a crowd is started.
type setup struct {
	names    []string
	settings []string   // as in an environment
	stopped  *[]float64 // gets the seconds that its end took; nil: nobody asks
}

// A crowd is a supervisor with trivial children.
type crowd struct {
	*process
	dir   string
	ready time.Duration // from the exec until all were
}

// measureChildren compares a supervised crowd with a loop that only starts it.
func measureChildren(ctx context.Context, b *bench) error {
	var supervised, bare, stopped []float64
	for range crowdRounds {
		took, err := startBareCrowd(ctx, crowdSize)
		if err != nil {
			return err
		}
		bare = append(bare, took.Seconds())
		err = withCrowd(ctx, setup{names: crowdNames(crowdSize), stopped: &stopped}, func(c *crowd) error {
			supervised = append(supervised, c.ready.Seconds())
			return nil
		})
		if err != nil {
			return err
		}
	}
	b.add(row{Group: "children", What: fmt.Sprintf("%d children ready, ratio to a bare loop", crowdSize), Target: 1.5, Unit: "x",
		Measured: median(supervised) / median(bare),
		Spread:   fmt.Sprintf("%.2f s (%s), bare %.2f s", median(supervised), spread(supervised, "%.2f"), median(bare))})
	b.add(row{Group: "children", What: fmt.Sprintf("stopping %d children", crowdSize), Target: 2, Unit: "s", Measured: median(stopped), Spread: spread(stopped, "%.2f")})
	return addCrowdCost(ctx, b)
}

// addCrowdCost says what a child costs the supervisor at rest.
func addCrowdCost(ctx context.Context, b *bench) error {
	few, many := crowdCost{}, crowdCost{}
	for _, c := range []struct {
		size int
		cost *crowdCost
	}{{crowdFew, &few}, {crowdSize, &many}} {
		err := withCrowd(ctx, setup{names: crowdNames(c.size)}, func(running *crowd) (err error) {
			*c.cost, err = costOf(ctx, running.pid)
			return err
		})
		if err != nil {
			return err
		}
	}
	b.add(row{Group: "children", What: "memory of the supervisor per child", Target: 250, Unit: "KiB",
		Measured: (many.kib - few.kib) / (crowdSize - crowdFew), Spread: fmt.Sprintf("%.1f MiB with %d, %.1f MiB with %d", few.kib/1024, crowdFew, many.kib/1024, crowdSize)})
	b.add(row{Group: "children", What: fmt.Sprintf("CPU of the supervisor of %d at rest", crowdSize), Target: 2, Unit: "%",
		Measured: many.percent, Spread: fmt.Sprintf("of one core, in %s", idleWindow)})
	b.add(row{Group: "children", What: fmt.Sprintf("threads more with %d children than with %d", crowdSize, crowdFew), Target: 4, Unit: "threads",
		Measured: max(0, float64(many.threads-few.threads)), Spread: fmt.Sprintf("%d, %d", many.threads, few.threads)})
	return nil
}

// crowdCost is what a supervisor takes of the machine.
type crowdCost struct {
	kib     float64
	percent float64
	threads int
}

func costOf(ctx context.Context, pid int) (crowdCost, error) {
	if err := pause(ctx, settle); err != nil {
		return crowdCost{}, err
	}
	before, err := readStat(pid)
	if err != nil {
		return crowdCost{}, err
	}
	began := time.Now()
	if err := pause(ctx, idleWindow); err != nil {
		return crowdCost{}, err
	}
	after, err := readStat(pid)
	if err != nil {
		return crowdCost{}, err
	}
	memory, err := proportionalSetSize(pid)
	if err != nil {
		return crowdCost{}, err
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return crowdCost{
		kib:     float64(memory) / 1024,
		percent: 100 * (after.cpu - before.cpu).Seconds() / time.Since(began).Seconds(),
		threads: len(tasks),
	}, err
}

func crowdNames(size int) []string {
	names := make([]string, size)
	for n := range names {
		names[n] = fmt.Sprintf("s%d", n)
	}
	return names
}

// withCrowd calls do while a supervised crowd runs, and notes how long its end took. One of
// which a member crashes all the time runs when the first one answers.
func withCrowd(ctx context.Context, with setup, do func(*crowd) error) error {
	return scratch(func(dir string) error {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		cmd := exec.Command(self, append([]string{crowdCommand, dir}, with.names...)...)
		cmd.Env = append(cleanEnvironment(), envCrowdDir+"="+dir, "OCIS_BASE_DATA_PATH="+dir)
		cmd.Env = append(cmd.Env, with.settings...)
		output := filepath.Join(dir, "output")
		p, err := startProcess(cmd, output)
		if err != nil {
			return err
		}
		c := &crowd{process: p, dir: dir}
		err = p.until(ctx, startPatience, func(ctx context.Context) error {
			if slices.Contains(with.names, loopName) {
				_, err := c.pidOf(ctx, with.names[0])
				return err
			}
			return saysReady(output)
		})
		c.ready = time.Since(p.began)
		if err == nil {
			err = do(c)
		}
		began := time.Now()
		err = errors.Join(err, p.stop())
		if with.stopped != nil {
			*with.stopped = append(*with.stopped, time.Since(began).Seconds())
		}
		return err
	})
}

// pidOf asks a child who it is.
func (c *crowd) pidOf(ctx context.Context, name string) (pid int, err error) {
	err = firstAnswer(ctx, "unix", filepath.Join(c.dir, name+".sock"), func(conn net.Conn) error {
		pid, err = readPid(conn)
		return err
	})
	return pid, err
}

// recover kills a child and returns the milliseconds until another one answers.
func (c *crowd) recover(ctx context.Context, name string) (float64, error) {
	pid, err := c.pidOf(ctx, name)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return 0, err
	}
	for {
		next, err := c.pidOf(ctx, name)
		took := time.Since(began)
		if err == nil && next != pid {
			return milliseconds(took), nil
		}
		if took > recoveryPatience {
			return 0, fmt.Errorf("%s does not answer within %s: %w", name, recoveryPatience, err)
		}
	}
}

func saysReady(output string) error {
	data, err := os.ReadFile(output)
	if err == nil && !bytes.Contains(data, []byte("ready ")) {
		err = errors.New("not all are ready")
	}
	return err
}

// startBareCrowd starts the same children without a supervisor, and returns how long it took
// until the last one had answered.
func startBareCrowd(ctx context.Context, size int) (took time.Duration, err error) {
	err = scratch(func(dir string) (err error) {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		problems := make(chan error, size)
		var answers sync.WaitGroup
		began := time.Now()
		for _, name := range crowdNames(size) {
			cmd := exec.Command(self, name, "server")
			cmd.Env = append(cleanEnvironment(), envCrowdDir+"="+dir)
			p, startErr := startProcess(cmd, filepath.Join(dir, "output-"+name))
			if startErr != nil {
				err = errors.Join(err, startErr)
				break
			}
			defer func() { err = errors.Join(err, p.stop()) }()
			answers.Go(func() {
				problems <- p.until(ctx, startPatience, func(ctx context.Context) error {
					return firstAnswer(ctx, "unix", filepath.Join(dir, name+".sock"), probePid)
				})
			})
		}
		answers.Wait()
		took = time.Since(began)
		close(problems)
		for problem := range problems {
			err = errors.Join(err, problem)
		}
		return err
	})
	return took, err
}

// probePid waits for the word of a trivial child.
func probePid(conn net.Conn) error {
	_, err := readPid(conn)
	return err
}

func readPid(conn net.Conn) (int, error) {
	word, err := io.ReadAll(conn)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(word))
}
