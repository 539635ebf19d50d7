package sockets

import (
	"net"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Listen binds a TCP address for the runtime itself. The error about a port in use names
// who has it.
func Listen(address string) (net.Listener, error) {
	socket := plugins.Socket{Network: "tcp", Address: address}
	listener, err := plugins.Bind(socket)
	if err != nil {
		return nil, explain(socket, err)
	}
	return listener, nil
}
