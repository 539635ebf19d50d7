// Package bus connects a process to the family's NATS server.
//
// It owns how the connection is made and kept: over the nats service's unix socket,
// with the credentials of the configuration, for ever. It leaves to others what is
// said over it.
//
// It does not guarantee that the server is there: Connect returns at once, and what is
// published meanwhile waits in a bounded buffer. Since the socket is held by the
// supervisor, a restart of NATS looks like a slow server, not like a refused one.
package bus

import (
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// ServiceName is the name of the service whose socket is dialled.
const ServiceName = "nats"

const (
	dialTimeout       = 5 * time.Second
	reconnectWait     = 200 * time.Millisecond
	reconnectJitter   = 100 * time.Millisecond
	reconnectBuffer   = 1 << 20 // bytes kept while NATS is away
	pingInterval      = 20 * time.Second
	pingsOutstanding  = 2
	unixSocketAddress = "nats://nats.invalid" // never resolved: dialer dials the socket
)

// Credentials are the user and password of the NATS server.
type Credentials struct {
	User     string `yaml:"user" env:"NATS_USER" desc:"user name for NATS"`
	Password string `yaml:"password" env:"NATS_PASSWORD" secret:"true" desc:"password for NATS"`
}

// Dialer dials the unix socket of the nats service, whatever address it is asked for.
type Dialer string

// Dial implements nats.CustomDialer.
func (d Dialer) Dial(string, string) (net.Conn, error) {
	return net.DialTimeout("unix", string(d), dialTimeout)
}

// Connect returns a connection that reconnects until it is closed. name shows in
// the server's list of connections. options are added to those of this package.
// The caller closes the connection.
func Connect(src *config.Source, name string, options ...nats.Option) (*nats.Conn, error) {
	var credentials Credentials
	if err := src.FillKnown("nats", &credentials); err != nil {
		return nil, err
	}
	options = append([]nats.Option{
		nats.Name(name),
		nats.UserInfo(credentials.User, credentials.Password),
		nats.SetCustomDialer(Dialer(src.Paths.Socket(ServiceName, ""))),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.ReconnectBufSize(reconnectBuffer),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOutstanding),
		nats.IgnoreDiscoveredServers(),
	}, options...)
	conn, err := nats.Connect(unixSocketAddress, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	return conn, nil
}
