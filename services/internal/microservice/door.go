package microservice

import (
	"errors"
	"net"
	"sync"
)

// door is the listener of a gRPC server that drains. shut closes the descriptor, so that
// no connection is accepted any more; the socket itself is held open by the supervisor,
// and whoever connects waits there for the replacement. The server notices nothing until
// it stops, since a listener that fails is not what happens here.
type door struct {
	net.Listener
	shutOnce  sync.Once
	closeOnce sync.Once
	closed    chan struct{}
}

func newDoor(listener net.Listener) *door {
	return &door{Listener: listener, closed: make(chan struct{})}
}

// Accept implements net.Listener. After shut it blocks until Close.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if errors.Is(err, net.ErrClosed) {
		<-d.closed
	}
	return conn, err
}

func (d *door) shut() {
	d.shutOnce.Do(func() { _ = d.Listener.Close() }) // the descriptor is gone, whatever it says
}

// Close implements net.Listener, for the server.
func (d *door) Close() error {
	d.shut()
	d.closeOnce.Do(func() { close(d.closed) })
	return nil
}
