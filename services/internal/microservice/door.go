package microservice

import (
	"errors"
	"net"
	"sync"
)

// door is the listener of a server that drains. Close closes the descriptor, so that no
// connection is accepted any more; the socket itself is held open by the supervisor, and
// whoever connects waits there for the replacement. The server notices nothing, and goes
// on with the connections it has, until letGo: what a server does when its listener fails
// is not what it has to do when it drains.
type door struct {
	net.Listener
	closeOnce sync.Once
	goOnce    sync.Once
	gone      chan struct{}
}

func newDoor(listener net.Listener) *door {
	return &door{Listener: listener, gone: make(chan struct{})}
}

// Accept implements net.Listener. After Close it blocks until letGo.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if errors.Is(err, net.ErrClosed) {
		<-d.gone
	}
	return conn, err
}

// Close implements net.Listener. Calls after the first have no effect.
func (d *door) Close() (err error) {
	d.closeOnce.Do(func() { err = d.Listener.Close() })
	return err
}

// letGo tells the server that the listener is closed.
func (d *door) letGo() { d.goOnce.Do(func() { close(d.gone) }) }
