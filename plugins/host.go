package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
)

// Exit codes of a process that Serve runs.
const (
	ExitDrained = 0 // asked to stop, and drained
	ExitCrashed = 1 // Run returned although nobody asked
	ExitLate    = 2 // asked to stop, and did not drain, or not within the deadline
)

// errEnded answers calls that come while the process is on its way out.
var errEnded = errors.New("the service has ended")

// host runs one service in this process and answers for it.
type host struct {
	service Service
	child   *Child

	ctx    context.Context // of Run; done when draining begins
	cancel context.CancelFunc

	startOnce sync.Once
	drainOnce sync.Once
	restore   func() // gives the process its own stdout and stderr back
	ended     chan struct{}
	orphaned  *time.Timer
	exit      func(code int)
}

func newHost(s Service, child *Child, restore func(), exit func(int)) *host {
	ctx, cancel := context.WithCancel(context.Background())
	h := &host{
		service: s, child: child, ctx: ctx, cancel: cancel,
		restore: restore, ended: make(chan struct{}), exit: exit,
	}
	// From the very beginning: a supervisor may die before it has said its first word.
	h.orphaned = time.AfterFunc(child.launch.OrphanGrace, func() {
		child.log.Warnf("no supervisor was heard for %s: draining", child.launch.OrphanGrace)
		h.drain(child.StopGrace())
	})
	return h
}

// connected is called when a supervisor dispenses the contract: the earliest moment
// at which go-plugin has finished with stdout and stderr. The service starts here, so
// that none of its output can fall between the two.
func (h *host) connected() {
	if h.child.launch.DescribeOnly {
		return
	}
	h.startOnce.Do(func() {
		h.restore()
		go h.run()
	})
}

// run is the life of the service; the process ends with it.
func (h *host) run() {
	err := h.service.Run(h.ctx, h.child)
	close(h.ended)
	code := exitCode(err, h.ctx.Err() != nil)
	switch {
	case err != nil:
		h.child.log.WithError(err).Error("service ended")
	case code == ExitCrashed:
		h.child.log.Error("service ended although nobody asked it to")
	}
	h.exit(code)
}

// exitCode decides what the end of Run means.
func exitCode(err error, asked bool) int {
	switch {
	case !asked:
		return ExitCrashed
	case err != nil:
		return ExitLate
	}
	return ExitDrained
}

// unreachable is called when go-plugin has ended: it could not listen, or accepts no
// connection any more. A service that was started goes on, since the calls of a connected
// supervisor still come; without them it is an orphan soon, and ends as one. Without a
// service this process has failed.
func (h *host) unreachable() {
	h.startOnce.Do(func() {
		h.child.log.Error("no supervisor can connect to this process")
		h.exit(ExitCrashed)
	})
}

// heard notes that a supervisor is there.
func (h *host) heard() { h.orphaned.Reset(h.child.launch.OrphanGrace) }

// drain asks the service to end, and ends the process when it does not.
func (h *host) drain(deadline time.Duration) {
	h.drainOnce.Do(func() {
		h.startOnce.Do(func() { h.exit(ExitDrained) }) // it has not begun, and shall not any more
		h.child.setDrainBy(time.Now().Add(deadline))
		time.AfterFunc(deadline, func() {
			h.child.log.Errorf("not drained after %s: giving up what is left", deadline)
			h.exit(ExitLate)
		})
		h.cancel()
	})
}

func (h *host) description() Description {
	return Description{
		Protocol:    ProtocolVersion,
		Service:     h.service.Name,
		Version:     h.service.Version,
		Instance:    h.child.launch.Instance,
		Incarnation: h.child.launch.Incarnation,
		Pid:         os.Getpid(),
		Declaration: h.service.Declaration,
	}
}

func (h *host) waitReady(ctx context.Context) ([]Registration, error) {
	select {
	case <-h.child.ready:
		return h.child.nodes, nil
	case <-h.ended:
		return nil, errEnded
	case <-ctx.Done():
		return nil, fmt.Errorf("%s is not ready yet: %w", h.service.Name, ctx.Err())
	}
}

// draining tells whether the service was asked to end.
func (h *host) draining() bool { return h.ctx.Err() != nil }

func (h *host) health(ctx context.Context) error {
	if h.draining() {
		return nil // draining is not an illness
	}
	return h.child.Health(ctx)
}

func (h *host) pluginSet() plugin.PluginSet {
	return plugin.PluginSet{DispenseName: &Binding{host: h}}
}
