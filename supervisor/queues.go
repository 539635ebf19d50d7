package supervisor

import (
	"errors"

	"github.com/owncloud/ocis-runtime/supervisor/sockets"
)

// Queues says how many connections wait at each socket that is bound. What cannot be read
// is left out, and the error says why.
func (s *Supervisor) Queues() ([]sockets.Queue, error) {
	var all []sockets.Queue
	var problems []error
	for _, name := range s.graph.Names() {
		queues, err := s.services[name].sockets.Queues()
		all = append(all, queues...)
		problems = append(problems, err)
	}
	return all, errors.Join(problems...)
}
