package registry

import (
	"errors"

	"go-micro.dev/v4/registry"
)

// Micro is a Directory as a go-micro registry. Registering is given to functions,
// because a supervised child must not write: it tells its supervisor.
type Micro struct {
	directory  *Directory
	register   func(*registry.Service) error
	deregister func(*registry.Service) error
	options    registry.Options
}

// NewMicro returns a go-micro registry that looks up in directory and registers through
// the two functions.
func NewMicro(directory *Directory, register, deregister func(*registry.Service) error) *Micro {
	return &Micro{directory: directory, register: register, deregister: deregister}
}

// Init implements registry.Registry.
func (m *Micro) Init(options ...registry.Option) error {
	for _, option := range options {
		option(&m.options)
	}
	return nil
}

// Options implements registry.Registry.
func (m *Micro) Options() registry.Options { return m.options }

// Register implements registry.Registry.
func (m *Micro) Register(service *registry.Service, _ ...registry.RegisterOption) error {
	return m.register(service)
}

// Deregister implements registry.Registry.
func (m *Micro) Deregister(service *registry.Service, _ ...registry.DeregisterOption) error {
	return m.deregister(service)
}

// GetService implements registry.Registry; it is a map lookup.
func (m *Micro) GetService(name string, _ ...registry.GetOption) ([]*registry.Service, error) {
	if service := m.directory.Service(name); service != nil {
		return []*registry.Service{service}, nil
	}
	return nil, registry.ErrNotFound
}

// ListServices implements registry.Registry.
func (m *Micro) ListServices(...registry.ListOption) ([]*registry.Service, error) {
	return m.directory.Services(), nil
}

// Watch implements registry.Registry. The directory is always fresh, so there is
// nothing to watch for; go-micro asks only when it caches, which this registry replaces.
func (m *Micro) Watch(...registry.WatchOption) (registry.Watcher, error) {
	return nil, errors.New("the registry is a local map: look up instead of watching")
}

// String implements registry.Registry.
func (m *Micro) String() string { return "ocis" }
