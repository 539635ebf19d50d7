// Package bus connects a process to the family's NATS server.
//
// It owns how the connection is made and kept: over the nats service's unix socket,
// with the credentials of the configuration, for ever. It leaves to others what is
// said over it.
//
// Problems that no call returns, such as a write to a server that is just being replaced,
// are printed with package log.
//
// It does not guarantee that the server is there: Connect returns at once, and what is
// published meanwhile waits in a bounded buffer. Since the socket is held by the
// supervisor, a restart of NATS looks like a slow server, not like a refused one.
package bus

import (
	"errors"
	"fmt"
	"log"
	"net"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// ServiceName is the name of the service whose socket is dialled.
const ServiceName = "nats"

const (
	dialTimeout      = 5 * time.Second
	reconnectWait    = 50 * time.Millisecond // between attempts; one on a held socket waits by itself
	reconnectJitter  = 50 * time.Millisecond
	reconnectBuffer  = 1 << 20 // bytes kept while NATS is away
	pingInterval     = 20 * time.Second
	pingsOutstanding = 2
	// Never dialled: the dialer takes the socket. It is a number because nats.go looks
	// names up before it asks the dialer, and that may take seconds.
	unusedAddress = "nats://127.0.0.1:4222"
)

// Credentials are the user and password of the NATS server.
type Credentials struct {
	User     string `yaml:"user" env:"NATS_USER" desc:"user name for NATS"`
	Password string `yaml:"password" env:"NATS_PASSWORD" secret:"true" desc:"password for NATS"`
}

// dialer dials the unix socket of the nats service, whatever address it is asked for.
//
// Its first call fails at once. nats.go makes the first attempt before Connect returns;
// on a held socket whose server is just being started that would block for seconds. All
// further attempts are made in the background.
type dialer struct {
	socket string
	asked  atomic.Bool
}

var errFirst = errors.New("the first attempt is left out")

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(string, string) (net.Conn, error) {
	if !d.asked.Swap(true) {
		return nil, errFirst
	}
	return net.DialTimeout("unix", d.socket, dialTimeout)
}

// printProblem is instead of nats.go's own handler, which writes to descriptor 2.
func printProblem(_ *nats.Conn, subscription *nats.Subscription, problem error) {
	if subscription != nil {
		problem = fmt.Errorf("%s: %w", subscription.Subject, problem)
	}
	log.Printf("nats: %v", problem)
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
		nats.SetCustomDialer(&dialer{socket: src.Paths.Socket(ServiceName, "")}),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.ReconnectBufSize(reconnectBuffer),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOutstanding),
		nats.IgnoreDiscoveredServers(),
		nats.ErrorHandler(printProblem),
	}, options...)
	conn, err := nats.Connect(unusedAddress, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	return conn, nil
}
