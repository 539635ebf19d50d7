package supervisor

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/history"
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

// Run makes sure that a service runs. It blocks until it is ready, or cannot be, or ctx is done.
func (s *Supervisor) Run(ctx context.Context, name string) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return svc.instance.Run(ctx)
}

// Kill stops a service, and it stays stopped. It blocks until it has drained and ended.
func (s *Supervisor) Kill(ctx context.Context, name string) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return svc.instance.Kill(ctx)
}

// Restart replaces a service's child. It blocks until the new one is ready.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return svc.instance.Restart(ctx)
}

// Crash sends a signal to a service's child and returns at once.
func (s *Supervisor) Crash(ctx context.Context, name string, signal syscall.Signal) error {
	svc, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return svc.instance.Crash(ctx, signal)
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
