package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

const (
	crashes    = 20 // of each service
	restarts   = 20
	crashPause = 400 * time.Millisecond // between two kills
)

// The targets of the time from a kill to the first answer; where a plain exec takes long, on
// a slow machine, the second one counts.
const (
	answerMedian = 40  // ms
	answerLast   = 150 // ms
	answerRatio  = 1.3 // to the same of a plain exec
)

// answerTarget is the larger of a fixed target and what follows from a plain exec, in ms.
func answerTarget(fixed, plain float64) float64 { return max(fixed, answerRatio*plain) }

// A victim is a service that is killed again and again, and started without a supervisor in
// between.
type victim struct {
	*recovery
	answers []float64 // ms from each kill to the first answer on the service's socket
}

// measureCrash kills every service in turn while new connections keep coming.
func measureCrash(ctx context.Context, b *bench) error {
	return scratch(func(alone string) error {
		if _, err := startAndStop(ctx, b.binary, alone); err != nil {
			return err
		}
		return crash(ctx, b, alone)
	})
}

// crash measures with what runs without a supervisor in the folder alone.
func crash(ctx context.Context, b *bench, alone string) error {
	return withSteady(ctx, b, func(s *stack) error {
		found, err := s.recoverables(ctx)
		if err != nil {
			return err
		}
		var victims []*victim
		for _, r := range found {
			victims = append(victims, &victim{recovery: r})
		}
		for range crashes {
			for _, v := range victims {
				if err := v.hit(ctx, s); err != nil {
					return fmt.Errorf("%s: %w", v.service, err)
				}
				if err := pause(ctx, crashPause); err != nil {
					return err
				}
				plain, err := v.startAlone(ctx, s, alone)
				if err != nil {
					return fmt.Errorf("%s: %w", v.service, err)
				}
				v.plain = append(v.plain, milliseconds(plain))
			}
		}
		for _, v := range victims {
			b.addAnswers(v)
		}
		return nil
	}, func(attempts []attempt, s *stack) { b.addCrashes(attempts, s.hits) })
}

// hit kills the service's process and waits for the first answer on its socket. The
// connection may find the dying process, which counts as no answer.
func (v *victim) hit(ctx context.Context, s *stack) error {
	status, err := client.New(filepath.Join(s.dir, "run")).Status(ctx, v.service)
	if err != nil {
		return err
	}
	pid := status.Instances[0].Pid
	began := time.Now()
	if pid == 0 {
		return fmt.Errorf("it has no process but is %s", status.Instances[0].Status)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	s.hits[v.service] = append(s.hits[v.service], span{began, endOf(pid)})
	for {
		err := firstAnswer(ctx, v.socket.Network, v.socket.Address, probeOf(v.service))
		if err == nil {
			v.answers = append(v.answers, milliseconds(time.Since(began)))
			return nil
		}
		if time.Since(began) > recoveryPatience {
			return fmt.Errorf("no answer within %s: %w", recoveryPatience, err)
		}
	}
}

// endOf returns when a process that was killed is gone: until then it may take a request. It
// looks for a second at most.
func endOf(pid int) time.Time {
	for bound := time.Now().Add(time.Second); time.Now().Before(bound); {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			break
		}
	}
	return time.Now()
}

func (b *bench) addAnswers(v *victim) {
	add := func(which string, fixed, measured, plain float64) {
		b.add(row{
			Group: "crash", What: "kill -9 of " + v.service + " to its first answer, " + which, Target: answerTarget(fixed, plain), Unit: "ms", Measured: measured,
			Spread: fmt.Sprintf("%d kills; a plain exec takes %.1f ms", len(v.answers), plain),
		})
	}
	add("median", answerMedian, median(v.answers), median(v.plain))
	add("99 %", answerLast, percentile(v.answers, 99), percentile(v.plain, 99))
}

// addCrashes counts what became of the requests. What was inside a killed proxy cannot be
// saved by anybody but the client; what was inside another process can, if it is safe.
func (b *bench) addCrashes(attempts []attempt, hits map[string][]span) {
	var all []span
	for _, spans := range hits {
		all = append(all, spans...)
	}
	inProxy := func(a attempt) bool { return a.during(hits["proxy"]) }
	inAny := func(a attempt) bool { return a.during(all) }
	of := fmt.Sprintf("of %d requests, %d kills", len(attempts), len(all))
	zero := func(what string, measured float64) {
		b.add(row{Group: "crash", What: what, Exactly: true, Unit: "requests", Measured: measured, Spread: of})
	}
	told := func(what string, measured float64) {
		b.add(row{Group: "crash", What: what, Unit: "requests", Measured: measured, Spread: of})
	}
	zero("connections refused", count(attempts, attempt.refused))
	zero("GET and PROPFIND failed", count(attempts, failed, attempt.safe, not(inProxy)))
	zero("others failed that were not inside a killed process", count(attempts, failed, not(attempt.safe), not(inAny)))
	told("GET and PROPFIND lost inside a killed proxy", count(attempts, failed, attempt.safe, inProxy))
	told("others lost inside a killed process", count(attempts, failed, not(attempt.safe), inAny))
	b.note("Crash: %d new TLS connections each second through the proxy, without retries; each service killed %d times in turn; first answer on the service's own socket. The target is the larger of the fixed one and %.1f times what the same binary needs from its exec to its first answer without a supervisor, under the same load, in turns.", steadyRate, crashes, answerRatio)
}

// measureRestart restarts what may overlap, and what may not, under the same load.
func measureRestart(ctx context.Context, b *bench) error {
	for _, service := range []string{"webdav", "proxy", "storage"} {
		var took []float64
		err := withSteady(ctx, b, func(s *stack) error {
			runtime := client.New(filepath.Join(s.dir, "run"))
			for range restarts {
				began := time.Now()
				if _, err := runtime.Restart(ctx, service); err != nil {
					return err
				}
				took = append(took, milliseconds(time.Since(began)))
				if err := pause(ctx, crashPause); err != nil {
					return err
				}
			}
			return nil
		}, func(attempts []attempt, _ *stack) {
			b.add(row{
				Group: "restart", What: "requests failed during ocis restart " + service, Exactly: true, Unit: "requests", Measured: count(attempts, failed),
				Spread: fmt.Sprintf("of %d, %d restarts, each %.0f ms%s", len(attempts), restarts, median(took), firstFailure(attempts)),
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// withSteady calls do while a stack is under a steady load, and then conclude.
func withSteady(ctx context.Context, b *bench, do func(*stack) error, conclude func([]attempt, *stack)) error {
	return scratch(func(dir string) (err error) {
		s, err := startStack(ctx, b.binary, filepath.Join(dir, "ocis"), forgive)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		s.hits = map[string][]span{}
		load, err := startSteady(ctx, s.endpoint)
		if err != nil {
			return err
		}
		err = do(s)
		attempts := load.stop()
		if err == nil {
			conclude(attempts, s)
		}
		return err
	})
}

// loopBackoff is longer than the child of a loop lives, and shorter than one that is killed.
var loopBackoff = []string{"OCIS_BACKOFF_STABLE=100ms", "OCIS_BACKOFF_CAP=250ms"}

// measureLoop kills a healthy child of a crowd, alone and beside one that crashes all the time.
func measureLoop(ctx context.Context, b *bench) error {
	var alone, beside []float64
	for _, c := range []struct {
		names []string
		into  *[]float64
	}{{[]string{"healthy"}, &alone}, {[]string{"healthy", loopName}, &beside}} {
		err := withCrowd(ctx, setup{names: c.names, settings: loopBackoff}, func(running *crowd) error {
			for range crashes {
				took, err := running.recover(ctx, "healthy")
				if err != nil {
					return err
				}
				*c.into = append(*c.into, took)
				if err := pause(ctx, crashPause); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	b.add(row{
		Group: "loop", What: "recovery beside a crash loop, ratio to alone", Target: 1.2, Unit: "x", Measured: median(beside) / median(alone),
		Spread: fmt.Sprintf("%.1f ms beside (%s), %.1f ms alone", median(beside), spread(beside, "%.0f"), median(alone)),
	})
	return nil
}
