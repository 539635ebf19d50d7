// Package nats is the service that runs the family's NATS server: discovery, events.
//
// It owns the embedded server, its store, and the bridge from the held unix socket to
// the server. There is no TCP port. What travels over NATS is its users' business.
//
// A damaged store is set aside, so that discovery works again: events in it that were not
// consumed are not delivered. A store that cannot be used because of the disk or its
// permissions is left as it is, and the service fails.
package nats

import (
	"context"
	"fmt"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Name and Summary describe the service.
const (
	Name    = bus.ServiceName
	Summary = "discovery and events: an embedded NATS server"
)

// readyTimeout has room for the recovery of a full store, which is read from end to end
// when the server was killed.
const readyTimeout = 5 * time.Minute

// Settings are the service's section of ocis.yaml.
type Settings struct {
	bus.Credentials
	MaxStore  config.Bytes `yaml:"max_store" env:"NATS_MAX_STORE" default:"1GiB" allowed:"at least 1MiB" desc:"what streams may take on disk"`
	MaxMemory config.Bytes `yaml:"max_memory" env:"NATS_MAX_MEMORY" default:"64MiB" allowed:"at least 1MiB" desc:"what streams may take in memory"`
}

// Validate implements the check of package config.
func (s *Settings) Validate() error {
	if s.User == "" || s.Password == "" {
		return &config.Invalid{Key: "password", Problem: "user and password are needed: set NATS_USER and NATS_PASSWORD, or let \"ocis init\" write an ocis.yaml; move one without it away first"}
	}
	if s.MaxStore < 1<<20 {
		return &config.Invalid{Key: "max_store", Problem: "it is too small"}
	}
	if s.MaxMemory < 1<<20 {
		return &config.Invalid{Key: "max_memory", Problem: "it is too small"}
	}
	return nil
}

// New reads the configuration.
func New(src *config.Source) (plugins.Service, error) {
	var settings Settings
	if err := src.Fill(Name, &settings); err != nil {
		return plugins.Service{}, err
	}
	n := &service{settings: settings, store: src.Paths.Data(Name)}
	return plugins.Service{
		Declaration: plugins.Declaration{
			Name:         Name,
			Summary:      Summary,
			Sockets:      []plugins.Socket{{Network: "unix", Address: src.Paths.Socket(Name, ""), Protocol: "nats"}},
			Singleton:    true,
			Profile:      plugins.Profile{Write: []string{n.store}},
			MemoryWeight: 2,
			ReadyTimeout: readyTimeout,
		},
		Run:    n.run,
		Health: n.health,
	}, nil
}

// run serves until ctx is done.
func (n *service) run(ctx context.Context, child *plugins.Child) error {
	listener, err := child.Listener("")
	if err != nil {
		return err
	}
	srv, err := n.open(child.Log())
	if err != nil {
		return err
	}
	n.server.Store(srv)
	bridge := &bridge{listener: listener, server: srv, log: child.Log()}
	accepted := make(chan error, 1)
	go func() { accepted <- bridge.accept() }()
	child.Ready(plugins.Registration{
		Service:  Name,
		NodeID:   child.Instance(),
		Address:  "unix:" + listener.Addr().String(),
		Metadata: map[string]string{"protocol": "nats"},
	})
	select {
	case <-ctx.Done():
	case err = <-accepted:
		err = fmt.Errorf("accept connections: %w", err)
	}
	listener.Close()
	srv.Shutdown()
	srv.WaitForShutdown()
	bridge.wait()
	return err
}
