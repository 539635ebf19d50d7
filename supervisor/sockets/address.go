package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"github.com/owncloud/ocis-runtime/plugins"
)

// AddressError is why a TCP address cannot be bound, in words for people.
type AddressError struct {
	Origin  string // the setting that the address is from; empty: not known
	Problem string // what is wrong with it, with the holder of a taken port
	Remedy  string
	Err     error // the kernel's, or the resolver's
}

// Error implements error.
func (e *AddressError) Error() string {
	text := fmt.Sprintf("%s: %s (%v)", e.Problem, e.Remedy, e.Err)
	if e.Origin != "" {
		text = e.Origin + ": " + text
	}
	return text
}

// Unwrap implements errors.Unwrap.
func (e *AddressError) Unwrap() error { return e.Err }

// explain makes an *AddressError of what binding a TCP socket failed with.
func explain(socket plugins.Socket, err error) error {
	host, port, splitErr := net.SplitHostPort(socket.Address)
	if socket.Network != "tcp" || splitErr != nil {
		return err
	}
	e := &AddressError{Origin: socket.Origin, Err: err}
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		e.Problem, e.Remedy = fmt.Sprintf("port %s is in use by %s", port, Holder(port)), "stop it, or choose another address"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		e.Problem, e.Remedy = "this machine has no address "+host, "choose one that it has, such as 127.0.0.1, or 0.0.0.0 for all"
	case errors.Is(err, fs.ErrPermission):
		e.Problem = "this user may not bind port " + port
		e.Remedy = "choose one from 1024 on, or allow the program to: setcap cap_net_bind_service=+ep"
	case errors.As(err, &unknown):
		e.Problem, e.Remedy = fmt.Sprintf("the host %s is unknown", host), "choose an address of this machine, such as 127.0.0.1"
	default:
		e.Problem, e.Remedy = socket.Address+" cannot be used", "choose another address"
	}
	return e
}
