package supervisor

import (
	"context"
	"fmt"
	"slices"
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
	return svc, s.awaitServing(ctx)
}

func (s *Supervisor) awaitServing(ctx context.Context) error {
	select {
	case <-s.serving:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the runtime is still starting: %w", context.Cause(ctx))
	}
}

// targets is lookUp, once commands are taken.
func (s *Supervisor) targets(ctx context.Context, name string) (*service, []*instance.Instance, error) {
	svc, instances, err := s.lookUp(name)
	if err == nil {
		err = s.awaitServing(ctx)
	}
	return svc, instances, err
}

// lookUp returns the instances that a name means: all of a service's, or the one of that
// name. It returns an *UnknownServiceError for a name that neither has.
func (s *Supervisor) lookUp(name string) (*service, []*instance.Instance, error) {
	if svc, ok := s.services[name]; ok {
		return svc, svc.all(), nil
	}
	if svc, ok := s.services[serviceOf(name)]; ok {
		for _, i := range svc.all() {
			if i.String() == name {
				return svc, []*instance.Instance{i}, nil
			}
		}
	}
	return nil, nil, unknownService(name, s.graph.Names())
}

// serviceOf returns the service of an instance's name.
func serviceOf(instance string) string {
	dash := strings.LastIndexByte(instance, '-')
	return instance[:max(dash, 0)]
}

// Run makes sure that a service, or one instance, runs. It blocks until all of it is ready,
// or something cannot be, or ctx is done.
func (s *Supervisor) Run(ctx context.Context, name string) error {
	_, instances, err := s.targets(ctx, name)
	if err != nil {
		return err
	}
	return each(instances, func(i *instance.Instance) error { return i.Run(ctx) })
}

// Kill stops a service, or one instance, and it stays stopped. It blocks until it has
// drained and ended.
func (s *Supervisor) Kill(ctx context.Context, name string) error {
	_, instances, err := s.targets(ctx, name)
	if err != nil {
		return err
	}
	return each(instances, func(i *instance.Instance) error { return i.Kill(ctx) })
}

// Restart replaces the children of a service one after the other, or that of one instance.
// Of a service that runs, what was stopped on purpose stays so.
// It blocks until the last new one is ready; the first that does not become ready ends it.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	svc, instances, err := s.targets(ctx, name)
	if err != nil {
		return err
	}
	if err := svc.program.Check(); err != nil { // before anything that runs is drained
		return fmt.Errorf("%s was not restarted: %w", name, err)
	}
	for _, i := range wantedOrAll(instances) {
		if err := i.Restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wantedOrAll leaves out those that somebody has stopped, unless that is all of them.
func wantedOrAll(instances []*instance.Instance) []*instance.Instance {
	wanted := slices.DeleteFunc(slices.Clone(instances), func(i *instance.Instance) bool { return !i.Snapshot().Wanted })
	if len(wanted) == 0 {
		return instances
	}
	return wanted
}

// Crash sends a signal to a child and returns at once. Of a service's children it is the
// first that runs.
func (s *Supervisor) Crash(ctx context.Context, name string, signal syscall.Signal) error {
	_, instances, err := s.targets(ctx, name)
	if err != nil {
		return err
	}
	target := instances[0]
	for _, i := range instances {
		if i.Snapshot().Pid != 0 {
			target = i
			break
		}
	}
	return target.Crash(ctx, signal)
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

// History returns what happened to services and to the runtime.
func (s *Supervisor) History() *history.Log { return s.history }

// LogPaths returns the files that the output of a service, or of one instance, goes to, by
// the name that people see.
func (s *Supervisor) LogPaths(name string) (map[string]string, error) {
	svc, instances, err := s.lookUp(name)
	if err != nil {
		return nil, err
	}
	paths := make(map[string]string, len(instances))
	for _, i := range instances {
		paths[svc.shortName(i.String())] = svc.logPath(i.String())
	}
	return paths, nil
}

// Names returns all services, sorted.
func (s *Supervisor) Names() []string { return s.graph.Names() }

// note puts something about the runtime itself into the history.
func (s *Supervisor) note(message string) {
	s.history.Add(client.Event{Kind: client.EventRuntime, At: time.Now().UTC(), Message: message})
}
