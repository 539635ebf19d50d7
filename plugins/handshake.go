package plugins

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
)

// ProtocolVersion is the version of the contract between supervisor and child. It
// grows when a call changes its meaning; added calls and fields do not change it.
const ProtocolVersion = 1

// OldestProtocol is the oldest version of the contract that a supervisor of this version
// understands: what was built against it keeps working.
const OldestProtocol = 1

// DispenseName is the name under which go-plugin dispenses the contract.
const DispenseName = "service"

// Handshake tells a supervised child from a program started by hand. The cookie is
// not a secret: it is go-plugin's guard against running a plugin by mistake.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "OCIS_CHILD",
	MagicCookieValue: "d1f0b4a7-supervised",
}

// The environment of a child. LISTEN_FDS and LISTEN_FDNAMES follow the convention of
// sd_listen_fds(3): descriptors from 3 on, names separated by colons. The main
// socket's empty name travels as mainSocketName, since systemd gives an empty name no meaning.
const (
	envInstance    = "OCIS_CHILD_INSTANCE"
	envOrphanGrace = "OCIS_CHILD_ORPHAN_GRACE"
	envDescribe    = "OCIS_CHILD_DESCRIBE"
	envListenFDs   = "LISTEN_FDS"
	envListenNames = "LISTEN_FDNAMES"

	mainSocketName = "main"
)

// IncarnationKey names the variable of Launch that a child passes on to what it starts. Who
// supervises must not pass on one of his own.
const IncarnationKey = "OCIS_CHILD_INCARNATION"

// DefaultOrphanGrace is how long a child serves on without hearing from a supervisor.
const DefaultOrphanGrace = 2 * time.Minute

// Launch is what a supervisor tells a child through its environment.
type Launch struct {
	Instance    string        // "webdav-1"
	Incarnation string        // unique for each start of a process
	OrphanGrace time.Duration // 0: DefaultOrphanGrace
	SocketNames []string      // of the inherited descriptors, from 3 on

	// DescribeOnly: the child is asked who it is and must not run its service.
	DescribeOnly bool
}

// Environ returns the variables that carry l, to be appended to the child's environment.
func (l Launch) Environ() []string {
	names := make([]string, len(l.SocketNames))
	for i, name := range l.SocketNames {
		names[i] = name
		if name == "" {
			names[i] = mainSocketName
		}
	}
	if l.OrphanGrace == 0 {
		l.OrphanGrace = DefaultOrphanGrace
	}
	variables := []string{
		InstanceVariable(l.Instance),
		IncarnationVariable(l.Incarnation),
		envOrphanGrace + "=" + l.OrphanGrace.String(),
		fmt.Sprintf("%s=%d", envListenFDs, len(names)),
		envListenNames + "=" + strings.Join(names, ":"),
	}
	if l.DescribeOnly {
		variables = append(variables, envDescribe+"=1")
	}
	return variables
}

// LaunchVariables returns the names of the variables that a supervisor hands to a child, those of go-plugin
// included; one that ends with "*" stands for all that begin so.
func LaunchVariables() []string {
	return []string{
		Handshake.MagicCookieKey, envInstance, IncarnationKey, envOrphanGrace, envDescribe, envListenFDs, envListenNames,
		"PLUGIN_*",
	}
}

// IncarnationVariable returns the variable by which the process of an incarnation, and all
// that it starts, can be told from all others.
func IncarnationVariable(incarnation string) string { return IncarnationKey + "=" + incarnation }

// InstanceVariable returns a variable that the process of an instance was started with, and
// none that it starts.
func InstanceVariable(instance string) string { return envInstance + "=" + instance }

// launchFromEnvironment is the other end of Environ. It removes the variables, so that
// programs which the child starts do not take themselves for children. The incarnation
// stays: by it the supervisor finds what a child has left.
func launchFromEnvironment() Launch {
	l := Launch{
		Instance:    os.Getenv(envInstance),
		Incarnation: os.Getenv(IncarnationKey),

		DescribeOnly: os.Getenv(envDescribe) != "",
	}
	if grace, err := time.ParseDuration(os.Getenv(envOrphanGrace)); err == nil && grace > 0 {
		l.OrphanGrace = grace
	} else {
		l.OrphanGrace = DefaultOrphanGrace
	}
	if names := os.Getenv(envListenNames); names != "" {
		l.SocketNames = strings.Split(names, ":")
		for i, name := range l.SocketNames {
			if name == mainSocketName {
				l.SocketNames[i] = ""
			}
		}
	}
	for _, name := range []string{envInstance, envOrphanGrace, envDescribe, envListenFDs, envListenNames} {
		os.Unsetenv(name)
	}
	return l
}

// Supervised tells whether a supervisor started this process. It is to be asked before Serve.
func Supervised() bool {
	return os.Getenv(Handshake.MagicCookieKey) == Handshake.MagicCookieValue
}
