package microservice

import (
	"errors"
	"net"
	"sync"
)

// door is the listener of a server that drains. shut closes the descriptor, so that no
// connection is accepted any more; the socket itself is held open by the supervisor, and
// whoever connects waits there for the replacement. The server notices nothing, and goes
// on with the connections it has, until letGo: what a server does when its listener fails
// is not what it has to do when it drains.
type door struct {
	net.Listener
	shutOnce sync.Once
	goOnce   sync.Once
	gone     chan struct{}
}

func newDoor(listener net.Listener) *door {
	return &door{Listener: listener, gone: make(chan struct{})}
}

// Accept implements net.Listener. After shut it blocks until letGo.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if errors.Is(err, net.ErrClosed) {
		<-d.gone
	}
	return conn, err
}

// Close implements net.Listener, for the server.
func (d *door) Close() error {
	d.shut()
	d.letGo()
	return nil
}

func (d *door) shut() {
	d.shutOnce.Do(func() { _ = d.Listener.Close() }) // the descriptor is gone, whatever it says
}

// letGo tells the server that the listener is closed.
func (d *door) letGo() { d.goOnce.Do(func() { close(d.gone) }) }

// slowDoor is a door for a server that takes the end of Accept for the moment to close
// connections.
type slowDoor struct{ *door }

// Close implements net.Listener. Accept goes on blocking until letGo.
func (d slowDoor) Close() error {
	d.shut()
	return nil
}
