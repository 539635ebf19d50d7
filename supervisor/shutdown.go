package supervisor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/thejerf/suture/v4"

	"github.com/owncloud/ocis-runtime/supervisor/graph"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
)

// stopInOrder stops each service when nobody that needs it runs any more.
func (s *Supervisor) stopInOrder() {
	ctx, cancel := context.WithTimeout(s.aborted, s.options.Settings.StopBound)
	defer cancel()
	bounds := stopBounds(s.graph, s.options.Settings.StopBound)
	stopped := make(map[string]chan struct{}, len(s.services))
	for name := range s.services {
		stopped[name] = make(chan struct{})
	}
	var stopping sync.WaitGroup
	for name, svc := range s.services {
		stopping.Go(func() {
			defer close(stopped[name])
			for _, dependent := range s.graph.NeededBy(name) {
				select {
				case <-stopped[dependent]:
				case <-ctx.Done():
					return
				}
			}
			s.stopService(ctx, svc, bounds[name])
		})
	}
	stopping.Wait()
}

// stopService drains a service until a bound after the beginning of the shutdown, and then
// kills what is left of it, so that what it needs can still drain.
func (s *Supervisor) stopService(ctx context.Context, svc *service, bound time.Duration) {
	whole, _ := ctx.Deadline()
	own, cancel := context.WithDeadline(ctx, whole.Add(bound-s.options.Settings.StopBound))
	defer cancel()
	stop := func(i *instance.Instance) error {
		err := i.Kill(own)
		if err == nil || ctx.Err() != nil {
			return err
		}
		return errors.Join(err, i.Abort(ctx))
	}
	if err := each(svc.all(), stop); err != nil && s.aborted.Err() == nil {
		s.log.WithError(err).Errorf("%s did not stop in time and was killed", svc.declaration.Name)
	}
}

// reserve is what a service leaves of the time for the shutdown to each level of services
// below it, unless there is less for all.
const reserve = 2 * time.Second

// stopBounds says for each service until when after the beginning of a shutdown it may
// drain: those that nothing depends on must leave time for what they need.
func stopBounds(g *graph.Graph, whole time.Duration) map[string]time.Duration {
	levels := map[string]int{} // how many levels of services are below
	deepest := 0
	for _, name := range g.Order() {
		for _, need := range g.Needs(name) {
			levels[name] = max(levels[name], levels[need]+1)
		}
		deepest = max(deepest, levels[name])
	}
	share := min(reserve, whole/time.Duration(deepest+2))
	bounds := make(map[string]time.Duration, len(levels))
	for _, name := range g.Names() {
		bounds[name] = whole - time.Duration(levels[name])*share
	}
	return bounds
}

func (s *Supervisor) warnUnstopped(root *suture.Supervisor) {
	report, err := root.UnstoppedServiceReport()
	if err != nil {
		return
	}
	for _, left := range report {
		s.log.Errorf("%s did not stop", left.Name)
	}
}
