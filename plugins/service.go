package plugins

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
)

// Defaults of a Declaration's durations.
const (
	DefaultReadyTimeout = 30 * time.Second
	DefaultStopGrace    = 10 * time.Second
)

// RestartPolicy says what an unasked exit of a child leads to.
type RestartPolicy string

// The restart policies. The zero value means RestartAlways.
const (
	RestartAlways    RestartPolicy = "always"     // whatever the exit code
	RestartOnFailure RestartPolicy = "on-failure" // unless it exited with code 0
	RestartNever     RestartPolicy = "never"
)

// Socket is a listening socket that a service wants to have bound for it.
type Socket struct {
	// Name tells a service's sockets apart; the main one has the empty name.
	Name string
	// Network is "unix" or "tcp".
	Network string
	// Address is a path (unix) or host:port (tcp). That of a unix socket may be left out by
	// a service from outside: it is config.Paths.Socket then.
	Address string
	// Origin is the setting that the address is from, as config.Source.Origin says it; ""
	// for one that nobody can set. Errors name it.
	Origin string
	// Protocol is what is spoken there, such as "http", "https", "grpc" or "nats". It is
	// told to people and to health checks from outside; "" for a protocol of the service's own.
	Protocol string
}

// Declaration is what must be known of a service before it runs.
type Declaration struct {
	Name    string
	Version string
	Summary string // one line for people

	// Needs names the services that must be ready before this one starts.
	Needs []string
	// Sockets are bound before the first start and stay bound while children come and go.
	Sockets []Socket
	// Secrets names environment variables that are for the services alone that name them:
	// the supervisor keeps them from the children of all others.
	Secrets []string

	Restart RestartPolicy // default RestartAlways
	// Essential: when the service fails for good, the whole runtime shuts down.
	Essential bool
	// Singleton: two incarnations must never run at the same time.
	Singleton bool

	// Replicas is how many instances run, unless the settings say otherwise; 0 means 1.
	Replicas int

	// Profile is what the service has of the machine while it is isolated.
	Profile Profile

	// MemoryWeight is the service's share of the memory budget, in comparison with other
	// services; 0 means 1.
	MemoryWeight int

	// ReadyTimeout bounds the time from start to ready; 0 means DefaultReadyTimeout.
	ReadyTimeout time.Duration
	// StopGrace bounds draining; 0 means DefaultStopGrace.
	StopGrace time.Duration
}

// Service is a declaration with the code behind it.
type Service struct {
	Declaration

	// Run serves until ctx is done, then drains and returns nil. It calls child.Ready
	// once requests are served. Returning while ctx is not done is a crash, with or
	// without an error.
	Run func(ctx context.Context, child *Child) error

	// Health reports whether the service can do its work; its error is shown to
	// people. It must honour ctx. nil: healthy as long as the process answers.
	Health func(ctx context.Context) error

	// Log is where the service logs. nil: JSON lines on standard error, level info.
	Log *logrus.Logger
}

// Registration is one node of the go-micro registry: where a ready child is reached.
type Registration struct {
	Service  string            `json:"service"`
	Version  string            `json:"version"`
	NodeID   string            `json:"node_id"`
	Address  string            `json:"address"` // "unix:/path" or host:port
	Metadata map[string]string `json:"metadata,omitempty"`
}
