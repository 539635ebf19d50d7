package registry

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go-micro.dev/v4/registry"
	"go-micro.dev/v4/selector"
)

// Patience is how long a caller waits for a service that is being replaced.
const Patience = 5 * time.Second

// Selector picks nodes for go-micro clients: round robin over what the directory says
// now. go-micro's own selector caches, and keeps dead nodes.
type Selector struct {
	directory *Directory
	options   selector.Options
	turn      atomic.Uint32
}

// NewSelector returns a selector over directory.
func NewSelector(directory *Directory) *Selector {
	s := &Selector{directory: directory}
	s.turn.Store(rand.Uint32()) // replicas of a caller start at different nodes
	return s
}

// Init implements selector.Selector.
func (s *Selector) Init(options ...selector.Option) error {
	for _, option := range options {
		option(&s.options)
	}
	return nil
}

// Options implements selector.Selector.
func (s *Selector) Options() selector.Options { return s.options }

// Select implements selector.Selector. The node function waits up to Patience for a
// service that has no ready node, unless that was stopped: mostly one that is just being
// restarted.
func (s *Selector) Select(name string, _ ...selector.SelectOption) (selector.Next, error) {
	return func() (*registry.Node, error) {
		service := s.directory.Service(name)
		if service == nil {
			ctx, cancel := context.WithTimeout(context.Background(), Patience)
			defer cancel()
			var err error
			if service, err = s.directory.Wait(ctx, name); err != nil {
				return nil, selector.ErrNoneAvailable
			}
		}
		turn := s.turn.Add(1)
		return service.Nodes[turn%uint32(len(service.Nodes))], nil
	}, nil
}

// Mark implements selector.Selector; who is alive is the supervisor's to say.
func (s *Selector) Mark(string, *registry.Node, error) {}

// Reset implements selector.Selector.
func (s *Selector) Reset(string) {}

// Close implements selector.Selector.
func (s *Selector) Close() error { return nil }

// String implements selector.Selector.
func (s *Selector) String() string { return "ocis" }
