package sockets

import (
	"net"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Listen binds a TCP address for the runtime itself. Its error is an *AddressError, unless
// that is no address at all.
func Listen(address string) (net.Listener, error) {
	socket := plugins.Socket{Network: "tcp", Address: address}
	listener, err := plugins.Bind(socket)
	if err != nil {
		return nil, explain(socket, err)
	}
	return listener, nil
}
