package plugins

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Child is a running service's view of itself and of who runs it. It is safe for
// concurrent use.
type Child struct {
	declaration Declaration
	launch      Launch
	supervised  bool
	log         *logrus.Entry
	health      func(context.Context) error // nil: always healthy

	mu        sync.Mutex
	inherited map[string]net.Listener
	drainBy   time.Time // zero: not asked to drain yet

	readyOnce sync.Once
	ready     chan struct{} // closed by Ready, after nodes is set
	nodes     []Registration
}

func newChild(s Service, launch Launch, supervised bool, inherited map[string]net.Listener) *Child {
	log := s.Log
	if log == nil {
		log = logrus.New()
		log.SetFormatter(&logrus.JSONFormatter{})
	}
	return &Child{
		declaration: s.Declaration,
		launch:      launch,
		supervised:  supervised,
		log:         log.WithFields(logrus.Fields{"service": s.Name, "instance": launch.Instance}),
		health:      s.Health,
		inherited:   inherited,
		ready:       make(chan struct{}),
	}
}

// Service returns the service's name, such as "webdav".
func (c *Child) Service() string { return c.declaration.Name }

// Version returns the service's version as declared.
func (c *Child) Version() string { return c.declaration.Version }

// Instance returns the instance's name, such as "webdav-1". It stays the same over restarts.
func (c *Child) Instance() string { return c.launch.Instance }

// Incarnation returns what tells this start of a process from all others; it is empty
// when nobody supervises.
func (c *Child) Incarnation() string { return c.launch.Incarnation }

// Supervised tells whether a supervisor started this process.
func (c *Child) Supervised() bool { return c.supervised }

// Log returns the service's logger.
func (c *Child) Log() *logrus.Entry { return c.log }

// StopGrace returns how long the service may drain, unless who asks for it says otherwise.
func (c *Child) StopGrace() time.Duration {
	if c.declaration.StopGrace > 0 {
		return c.declaration.StopGrace
	}
	return DefaultStopGrace
}

// DrainBy returns when the process ends, drained or not: the supervisor's deadline or,
// when it set none, StopGrace from now. It is meant for a service whose context is done.
func (c *Child) DrainBy() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drainBy.IsZero() {
		return time.Now().Add(c.StopGrace())
	}
	return c.drainBy
}

func (c *Child) setDrainBy(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drainBy = deadline
}

// Health asks the service for its own opinion of its health.
func (c *Child) Health(ctx context.Context) error {
	if c.health == nil {
		return nil
	}
	return c.health(ctx)
}

// Socket returns the declared socket of that name.
func (c *Child) Socket(name string) (Socket, error) {
	for _, socket := range c.declaration.Sockets {
		if socket.Name == name {
			return socket, nil
		}
	}
	return Socket{}, fmt.Errorf("service %s declares no socket %q", c.declaration.Name, name)
}

// Listener returns the listening socket of that name: the inherited one, or when
// nobody passed it, one that is bound now. Each can be taken once.
func (c *Child) Listener(name string) (net.Listener, error) {
	socket, err := c.Socket(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if listener, ok := c.inherited[name]; ok {
		delete(c.inherited, name)
		return listener, nil
	}
	if c.supervised {
		return nil, fmt.Errorf("socket %q of %s was not passed by the supervisor", name, c.declaration.Name)
	}
	if socket.Address == "" && socket.Network == "unix" {
		paths, err := config.ResolvePaths()
		if err != nil {
			return nil, err
		}
		socket.Address = paths.Socket(c.declaration.Name, name)
	}
	return Bind(socket)
}

// Ready says that requests are served, and under which registry nodes. Calls after
// the first have no effect.
func (c *Child) Ready(nodes ...Registration) {
	c.readyOnce.Do(func() {
		c.nodes = nodes
		close(c.ready)
		c.log.WithField("nodes", len(nodes)).Debug("ready")
	})
}
