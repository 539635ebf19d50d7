package sockets

import (
	"errors"
	"fmt"
	"os"
)

// Queue is the kernel's queue of a listening socket: connections that are made, and that
// nobody has accepted yet.
type Queue struct {
	Service string
	Socket  string // its name; empty: the service's main one
	Waiting int    // connections
	Limit   int    // connections; beyond it new ones wait outside, or are refused
}

// Queues asks the kernel for the queue of each socket that is bound. It does not block on
// anybody but the kernel. What cannot be read is left out, and the error says why;
// errors.ErrUnsupported: not on this system.
func (h *Held) Queues() ([]Queue, error) {
	files := h.Files()
	queues := make([]Queue, 0, len(files))
	var problems []error
	for i, file := range files {
		socket := h.wanted[i]
		waiting, limit, err := queueOf(file, socket.Network)
		switch {
		case err == nil:
			queues = append(queues, Queue{Service: h.service, Socket: socket.Name, Waiting: waiting, Limit: limit})
		case !errors.Is(err, os.ErrClosed): // released meanwhile: it has no queue any more
			problems = append(problems, fmt.Errorf("queue of %s: %w", socket.Address, err))
		}
	}
	return queues, errors.Join(problems...)
}
