package nats

import (
	"io"
	"net"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/sirupsen/logrus"
)

// bridge connects what arrives on the held socket with the embedded server, which
// takes no listener, but connections inside the process.
type bridge struct {
	listener net.Listener
	server   *server.Server
	log      *logrus.Entry
	copies   sync.WaitGroup
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
		b.copies.Go(func() { pump(outside, inside) })
		b.copies.Go(func() { pump(inside, outside) })
	}
}

// pump copies in one direction; the end of one direction is the end of both.
func pump(to, from net.Conn) {
	_, _ = io.Copy(to, from) // either side may hang up at any time
	to.Close()
	from.Close()
}

// wait returns when all connections have ended, which the server's shutdown causes.
func (b *bridge) wait() { b.copies.Wait() }
