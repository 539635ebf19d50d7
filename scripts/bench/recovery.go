package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// recoveries is how often each service is killed, and started without a supervisor.
const recoveries = 15

// recoveryPatience bounds the wait for one replacement.
const recoveryPatience = 30 * time.Second

// forgive makes the supervisor forget a crash at once: ten in a row are the
// measurement here, and not a crash loop to be slowed down.
const forgive = "OCIS_BACKOFF_STABLE=1ms"

// A recovery is what was measured of one service, in milliseconds.
type recovery struct {
	service    string
	socket     client.Socket
	supervised []float64 // from kill -9 until the replacement is ready
	plain      []float64 // from exec until the first answer, without a supervisor
}

// measureRecovery compares, in turns, a service's return after kill -9 with the time
// that the same binary needs from its exec to its first answer when nobody supervises.
func measureRecovery(ctx context.Context, b *bench) error {
	return scratch(func(dir string) (err error) {
		alone := filepath.Join(dir, "alone")
		if _, err := startAndStop(ctx, b.binary, alone); err != nil {
			return err
		}
		s, err := startStack(ctx, b.binary, filepath.Join(dir, "ocis"), forgive, isolateNone)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		watch := watchEvents(ctx, s)
		defer func() { err = errors.Join(err, watch.close()) }()
		measured, err := s.recoverables(ctx)
		if err != nil {
			return err
		}
		if err := pause(ctx, settle); err != nil {
			return err
		}
		for round := range recoveries {
			for _, r := range measured {
				if err := r.measure(ctx, s, watch, alone, round); err != nil {
					return fmt.Errorf("%s: %w", r.service, err)
				}
			}
		}
		b.addRecoveries(measured)
		return nil
	})
}

// recoverables returns every service that has a process and a socket to be asked on.
func (s *stack) recoverables(ctx context.Context) ([]*recovery, error) {
	runtime := client.New(filepath.Join(s.dir, "run"))
	instances, err := runtime.List(ctx)
	if err != nil {
		return nil, err
	}
	var found []*recovery
	for _, instance := range instances {
		if instance.Replaced() {
			continue
		}
		status, err := runtime.Status(ctx, instance.Service)
		if err != nil {
			return nil, err
		}
		for _, socket := range status.Sockets {
			if socket.Name == "" {
				found = append(found, &recovery{service: instance.Service, socket: socket})
			}
		}
	}
	return found, nil
}

func (r *recovery) measure(ctx context.Context, s *stack, watch *watch, alone string, round int) error {
	supervised := func() error {
		took, err := watch.killAndWait(ctx, s, r.service)
		r.supervised = append(r.supervised, milliseconds(took))
		return err
	}
	plain := func() error {
		took, err := r.startAlone(ctx, s, alone)
		r.plain = append(r.plain, milliseconds(took))
		return err
	}
	if round%2 == 0 {
		return errors.Join(supervised(), plain())
	}
	return errors.Join(plain(), supervised())
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// startAlone runs the service in the foreground on the data of a stack that is not
// running, until its first answer.
func (r *recovery) startAlone(ctx context.Context, s *stack, dir string) (time.Duration, error) {
	alone := &stack{dir: dir, binary: s.binary}
	alone.endpoint = s.endpoint
	address := strings.Replace(r.socket.Address, s.dir, dir, 1)
	if r.socket.Network == "tcp" {
		free, err := freeAddr()
		if err != nil {
			return 0, err
		}
		alone.endpoint.addr, address = free, free
	}
	p, err := startProcess(alone.command(r.service, "server"), filepath.Join(dir, "output"))
	if err != nil {
		return 0, err
	}
	ask := probeOf(r.service)
	err = p.until(ctx, recoveryPatience, func(ctx context.Context) error { return firstAnswer(ctx, r.socket.Network, address, ask) })
	took := time.Since(p.began)
	if err != nil {
		err = fmt.Errorf("started without a supervisor it does not answer: %w", err)
	}
	return took, errors.Join(err, p.stop())
}

// A watch follows the events of a runtime.
type watch struct {
	cancel context.CancelFunc
	events chan client.Event
	ended  chan error
}

func watchEvents(ctx context.Context, s *stack) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel, events: make(chan client.Event, 1024), ended: make(chan error, 1)}
	go func() {
		w.ended <- client.New(filepath.Join(s.dir, "run")).Events(ctx, 0, true, func(event client.Event) error {
			select {
			case w.events <- event:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return w
}

func (w *watch) close() error {
	w.cancel()
	if err := <-w.ended; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// killAndWait kills the service's process and returns how long it took until another
// one was ready.
func (w *watch) killAndWait(ctx context.Context, s *stack, service string) (time.Duration, error) {
	status, err := client.New(filepath.Join(s.dir, "run")).Status(ctx, service)
	if err != nil {
		return 0, err
	}
	pid := status.Instances[0].Pid
	if pid == 0 {
		return 0, fmt.Errorf("it has no process but is %s", status.Instances[0].Status)
	}
	timeout := time.NewTimer(recoveryPatience)
	defer timeout.Stop()
	began := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return 0, fmt.Errorf("kill process %d: %w", pid, err)
	}
	for {
		select {
		case event := <-w.events:
			if event.Service == service && event.Status == client.StatusReady && event.Pid != pid && event.At.After(began) {
				return time.Since(began), nil
			}
		case err := <-w.ended:
			w.ended <- nil
			return 0, fmt.Errorf("the stream of events ended: %w", err)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-timeout.C:
			return 0, fmt.Errorf("process %d was killed, and %s later no other is ready", pid, recoveryPatience)
		}
	}
}

// addRecoveries adds a row for each service, and one for all together.
func (b *bench) addRecoveries(measured []*recovery) {
	var supervised, plain []float64
	for _, r := range measured {
		b.addRecovery(r.service, r.supervised, r.plain)
		supervised, plain = append(supervised, r.supervised...), append(plain, r.plain...)
	}
	b.addRecovery("all services", supervised, plain)
	b.note("Recovery: from kill -9 to the event that says the replacement is ready, against the exec of the same binary to its first answer without a supervisor; medians of %d each, in turns. The supervisor's backoff is switched off for it, and so is isolation.", recoveries)
}

func (b *bench) addRecovery(name string, supervised, plain []float64) {
	b.add(row{
		Group: "recovery", What: "kill -9 of " + name + ", ratio to a plain exec", Target: 1.5, Unit: "x",
		Measured: median(supervised) / median(plain),
		Spread:   fmt.Sprintf("%.1f ms (%s), plain %.1f ms", median(supervised), spread(supervised, "%.0f"), median(plain)),
	})
}
