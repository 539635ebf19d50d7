package ocistest

import (
	"context"
	"errors"
	"syscall"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// List returns all instances by service, each with its present process.
func (s *Server) List() map[string]client.Instance {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), Patience)
	defer cancel()
	instances, err := s.Runtime().List(ctx)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.Output())
	}
	byName := make(map[string]client.Instance, len(instances))
	for _, instance := range instances {
		if !instance.Replaced() {
			byName[instance.Service] = instance
		}
	}
	return byName
}

// Await follows the events until condition holds of the list.
func (s *Server) Await(what string, condition func(map[string]client.Instance) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), Patience)
	defer cancel()
	met := errors.New("met")
	err := s.Runtime().Events(ctx, 0, true, func(client.Event) error {
		if condition(s.List()) {
			return met
		}
		return nil
	})
	if !errors.Is(err, met) {
		s.t.Fatalf("never: %s (%v)\n%+v\n%s", what, err, s.List(), s.Output())
	}
}

// AwaitStatus waits until a service is in that state.
func (s *Server) AwaitStatus(service string, status client.Status) {
	s.t.Helper()
	s.Await(service+" is "+string(status), func(list map[string]client.Instance) bool { return list[service].Status == status })
}

// KillHard sends SIGKILL to a service's process, as an operator would, and waits until
// its replacement is ready.
func (s *Server) KillHard(service string) {
	s.t.Helper()
	before := s.List()[service]
	if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
		s.t.Fatalf("kill %s: %v", service, err)
	}
	s.Await(service+" is replaced", func(list map[string]client.Instance) bool {
		now := list[service]
		return now.Status == client.StatusReady && now.Incarnation != before.Incarnation
	})
}
