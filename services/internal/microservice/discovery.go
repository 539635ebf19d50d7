package microservice

import (
	"fmt"
	"net"
	"sync"

	microregistry "go-micro.dev/v4/registry"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/registry"
)

// Discover returns the directory of ready services, kept fresh over NATS, or with the
// supervisor's snapshot while NATS is away, and a function that ends that. It does not wait
// for NATS.
func Discover(child *plugins.Child, src *config.Source) (*registry.Directory, func(), error) {
	directory := registry.NewDirectory()
	if err := directory.Seed(src.Paths.Registry()); err != nil {
		child.Log().WithError(err).Warn("peers are unknown until NATS answers")
	}
	conn, err := bus.Connect(src, child.Instance())
	if err != nil {
		return nil, nil, err
	}
	if err := directory.Follow(conn, child.Log()); err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("follow the registry: %w", err)
	}
	var fallingBack sync.WaitGroup
	fallingBack.Go(func() { directory.FallBack(conn, src.Paths.Registry(), child.Log()) })
	return directory, func() {
		conn.Close()
		fallingBack.Wait()
	}, nil
}

// ownRegistry is the registry that a go-micro server registers with: it makes the
// child ready, and leaves the entry to the supervisor, who also removes it.
func ownRegistry(child *plugins.Child, listener net.Listener, protocol string) microregistry.Registry {
	register := func(service *microregistry.Service) error {
		child.Ready(plugins.Registration{
			Service:  service.Name,
			Version:  service.Version,
			NodeID:   child.Instance(),
			Address:  nodeAddress(listener.Addr()),
			Metadata: nodeMetadata(child, protocol),
		})
		return nil
	}
	deregister := func(*microregistry.Service) error { return nil }
	return registry.NewMicro(registry.NewDirectory(), register, deregister)
}

// nodeMetadata says what is spoken at a node and which start of a process answers there.
func nodeMetadata(child *plugins.Child, protocol string) map[string]string {
	metadata := map[string]string{"protocol": protocol}
	if incarnation := child.Incarnation(); incarnation != "" {
		metadata[registry.Incarnation] = incarnation
	}
	return metadata
}

// nodeAddress writes an address so that gRPC's and the proxy's dialers understand it.
func nodeAddress(addr net.Addr) string {
	if addr.Network() == "unix" {
		return "unix:" + addr.String()
	}
	return addr.String()
}
