package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"go-micro.dev/v4/registry"
)

// Directory is the local map of all ready nodes. Lookups take no lock. It is safe for
// concurrent use; its zero value is not usable.
type Directory struct {
	index atomic.Pointer[index]

	mu        sync.Mutex
	documents map[string]Document // by writer
	changed   chan struct{}       // closed and replaced at each change
	snapshot  string              // folder of the supervisor's snapshot; empty: none was seen
	here      string              // who writes it
}

// index is immutable once published.
type index struct {
	services map[string]*registry.Service
	stopped  map[string]bool // that have no node, and will not come by themselves
}

// ErrStopped means that a service will not come by itself: it was stopped, or has failed.
var ErrStopped = errors.New("it was stopped, or has failed")

// NewDirectory returns an empty directory.
func NewDirectory() *Directory {
	d := &Directory{documents: make(map[string]Document), changed: make(chan struct{})}
	d.index.Store(&index{services: map[string]*registry.Service{}})
	return d
}

// Service returns what is known of a service, or nil when it has no ready node. The
// caller must not change it.
func (d *Directory) Service(name string) *registry.Service {
	return d.index.Load().services[name]
}

// Stopped tells whether a service does not run, and will not before somebody starts it. It
// is false for one that nobody knows: it may be on its way.
func (d *Directory) Stopped(name string) bool { return d.index.Load().stopped[name] }

// Services returns all services with ready nodes, by name.
func (d *Directory) Services() []*registry.Service {
	services := d.index.Load().services
	sorted := make([]*registry.Service, 0, len(services))
	for _, name := range slices.Sorted(maps.Keys(services)) {
		sorted = append(sorted, services[name])
	}
	return sorted
}

// Wait returns a service as soon as it has a ready node, or an error when ctx is done; and
// ErrStopped when it is not worth waiting.
func (d *Directory) Wait(ctx context.Context, name string) (*registry.Service, error) {
	for {
		changed := d.Changed()
		if service := d.Service(name); service != nil {
			return service, nil
		}
		if d.Stopped(name) {
			return nil, fmt.Errorf("%s does not run: %w", name, ErrStopped)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("no instance of %s is ready: %w", name, context.Cause(ctx))
		}
	}
}

// Changed returns a channel that is closed at the next change.
func (d *Directory) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Apply takes over a writer's document, unless a newer one is known.
func (d *Directory) Apply(document Document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.documents[document.Writer]; ok && !document.replaces(known) {
		return
	}
	d.documents[document.Writer] = document
	d.index.Store(buildIndex(d.documents))
	close(d.changed)
	d.changed = make(chan struct{})
}

func buildIndex(documents map[string]Document) *index {
	services := make(map[string]*registry.Service)
	for _, writer := range slices.Sorted(maps.Keys(documents)) {
		for _, node := range documents[writer].Nodes {
			service, ok := services[node.Service]
			if !ok {
				service = &registry.Service{Name: node.Service, Version: node.Version}
				services[node.Service] = service
			}
			service.Nodes = append(service.Nodes, &registry.Node{
				Id:       node.NodeID,
				Address:  node.Address,
				Metadata: node.Metadata,
			})
		}
	}
	stopped := make(map[string]bool)
	for _, document := range documents {
		for _, name := range document.Stopped {
			if services[name] == nil {
				stopped[name] = true
			}
		}
	}
	return &index{services: services, stopped: stopped}
}
