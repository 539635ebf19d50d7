package supervisor

import (
	"context"
	"fmt"

	"github.com/owncloud/ocis-runtime/supervisor/instance"
)

// Ping asks every instance's keeper for a sign of life and returns an error that names
// those which give none before ctx is done. It says nothing of the children.
func (s *Supervisor) Ping(ctx context.Context) error {
	select {
	case <-s.serving:
	case <-ctx.Done():
		return fmt.Errorf("the runtime is still starting: %w", context.Cause(ctx))
	}
	var all []*instance.Instance
	for _, svc := range s.services {
		all = append(all, svc.all()...)
	}
	return each(all, func(i *instance.Instance) error { return i.Ping(ctx) })
}

// Stopping is closed when the runtime begins to stop, for whatever reason.
func (s *Supervisor) Stopping() <-chan struct{} { return s.stopping }
