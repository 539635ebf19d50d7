package supervisor

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/history"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
)

// find returns a service, or an *UnknownServiceError, once commands are taken.
func (s *Supervisor) find(ctx context.Context, name string) (*service, error) {
	svc, ok := s.services[name]
	if !ok {
		return nil, unknownService(name, s.graph.Names())
	}
	select {
	case <-s.serving:
		return svc, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the runtime is still starting: %w", context.Cause(ctx))
	}
}

// Run makes sure that a service runs. It blocks until all its instances are ready, or one
// cannot be, or ctx is done.
func (s *Supervisor) Run(ctx context.Context, name string) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return svc.each(func(i *instance.Instance) error { return i.Run(ctx) })
}

// Kill stops a service, and it stays stopped. It blocks until it has drained and ended.
func (s *Supervisor) Kill(ctx context.Context, name string) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return svc.each(func(i *instance.Instance) error { return i.Kill(ctx) })
}

// Restart replaces a service's children, one after the other. It blocks until the last new
// one is ready; the first that does not become ready ends it.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	for _, i := range svc.all() {
		if err := i.Restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Scale changes how many instances a service has, until the runtime ends. It blocks until
// new ones are ready, and those that are too many have drained and ended.
func (s *Supervisor) Scale(ctx context.Context, name string, replicas int) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return svc.scale(ctx, replicas)
}

// Crash sends a signal to a child and returns at once. name is a service's, whose first
// instance with a process is meant, or an instance's.
func (s *Supervisor) Crash(ctx context.Context, name string, signal syscall.Signal) error {
	target, err := s.findInstance(ctx, name)
	if err != nil {
		return err
	}
	return target.Crash(ctx, signal)
}

func (s *Supervisor) findInstance(ctx context.Context, name string) (*instance.Instance, error) {
	if svc, err := s.find(ctx, serviceOf(name)); err == nil {
		for _, i := range svc.all() {
			if i.String() == name {
				return i, nil
			}
		}
	}
	svc, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	instances := svc.all()
	for _, i := range instances {
		if i.Snapshot().Pid != 0 {
			return i, nil
		}
	}
	return instances[0], nil
}

// serviceOf returns the service of an instance's name.
func serviceOf(instance string) string {
	dash := strings.LastIndexByte(instance, '-')
	return instance[:max(dash, 0)]
}

// History returns what happened to services and to the runtime.
func (s *Supervisor) History() *history.Log { return s.history }

// LogPath returns the file that a service's output goes to.
func (s *Supervisor) LogPath(name string) (string, error) {
	if _, ok := s.services[name]; !ok {
		return "", unknownService(name, s.graph.Names())
	}
	return s.options.Paths.Log(name), nil
}

// Names returns all services, sorted.
func (s *Supervisor) Names() []string { return s.graph.Names() }

// note puts something about the runtime itself into the history.
func (s *Supervisor) note(message string) {
	s.history.Add(client.Event{Kind: client.EventRuntime, At: time.Now().UTC(), Message: message})
}
