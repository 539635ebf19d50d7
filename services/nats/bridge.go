package nats

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/sirupsen/logrus"
)

// bridge connects what arrives on the held socket with the embedded server, which
// takes no listener, but connections inside the process.
type bridge struct {
	listener    net.Listener
	server      *server.Server
	log         *logrus.Entry
	connections sync.WaitGroup
}

// accept bridges connections until the listener is closed, and returns why.
func (b *bridge) accept() error {
	for {
		outside, err := b.listener.Accept()
		if err != nil {
			return err
		}
		inside, err := b.server.InProcessConn()
		if err != nil {
			b.log.WithError(err).Warn("connection refused")
			outside.Close()
			continue
		}
		b.connections.Go(func() { carry(outside, inside) })
	}
}

// carry copies in both directions until both have ended.
func carry(outside, inside net.Conn) {
	defer outside.Close()
	var answers sync.WaitGroup
	answers.Go(func() { toClient(outside, inside) })
	toServer(inside, outside)
	answers.Wait()
}

// toServer copies what the client says. What it says after the server has hung up is read
// and dropped: a client that finds its door closed while it speaks does not look for the
// server's last words, which say why.
func toServer(inside, outside net.Conn) {
	_, _ = io.Copy(inside, outside) // either side may hang up at any time
	inside.Close()
	_, _ = io.Copy(io.Discard, outside) // bounded by toClient
}

// lastWordsBound is how long a client may take to hang up after the server has.
const lastWordsBound = time.Second

// toClient copies what the server says, and hangs up when it does.
func toClient(outside, inside net.Conn) {
	_, _ = io.Copy(outside, inside)
	inside.Close()
	_ = outside.SetReadDeadline(time.Now().Add(lastWordsBound))
	if half, ok := outside.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// wait returns when all connections have ended, which the server's shutdown causes.
func (b *bridge) wait() { b.connections.Wait() }
