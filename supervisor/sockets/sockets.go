// Package sockets holds the listening sockets of services while their processes come
// and go.
//
// It owns the binding, the descriptors that children inherit, and the words about an
// address that is taken. It never accepts a connection.
package sockets

import (
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Held are the sockets of one service, for as long as one of its instances wants them.
// It is safe for concurrent use.
type Held struct {
	service string
	wanted  []plugins.Socket

	mu      sync.Mutex
	files   []*os.File       // nil: not bound
	bound   []plugins.Socket // as wanted, with the ports that the kernel has chosen
	holders map[string]bool
}

// New returns the sockets of a service, not yet bound.
func New(service string, wanted []plugins.Socket) *Held {
	return &Held{service: service, wanted: wanted, holders: map[string]bool{}}
}

// Sockets returns the sockets as they were declared; while they are bound, a port 0 is the
// one that the kernel has chosen.
func (h *Held) Sockets() []plugins.Socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files == nil {
		return h.wanted
	}
	return h.bound
}

// Names returns the sockets' names in the order of Files.
func (h *Held) Names() []string {
	names := make([]string, len(h.wanted))
	for i, socket := range h.wanted {
		names[i] = socket.Name
	}
	return names
}

// Bound tells whether the sockets are bound.
func (h *Held) Bound() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.files != nil
}

// Hold makes sure that the sockets are bound until that holder releases them. It binds all
// of them, or none; after an error the holder does not hold them.
func (h *Held) Hold(holder string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files == nil {
		if err := h.bindAll(); err != nil {
			return err
		}
	}
	h.holders[holder] = true
	return nil
}

func (h *Held) bindAll() error {
	files := make([]*os.File, 0, len(h.wanted))
	bound := make([]plugins.Socket, 0, len(h.wanted))
	for _, socket := range h.wanted {
		file, address, err := bind(socket)
		if err != nil {
			closeAll(files)
			return fmt.Errorf("service %s: %w", h.service, explain(socket, err))
		}
		files = append(files, file)
		socket.Address = address
		bound = append(bound, socket)
	}
	h.files, h.bound = files, bound
	return nil
}

// Files returns the descriptors for a child to inherit. They stay this package's, and valid
// for as long as the caller holds them.
func (h *Held) Files() []*os.File {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.files
}

// Release ends a hold. With the last one the sockets are closed, so that callers are
// refused at once instead of waiting for a service that will not come.
func (h *Held) Release(holder string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.holders[holder] {
		return
	}
	delete(h.holders, holder)
	if len(h.holders) > 0 {
		return
	}
	closeAll(h.files)
	h.files, h.bound = nil, nil
	for _, socket := range h.wanted {
		if socket.Network == "unix" {
			_ = os.Remove(socket.Address) // a leftover is replaced at the next bind
		}
	}
}

// bind returns the descriptor of a new listening socket and its address. The listener
// that it came from is closed: only the kernel's socket is needed, and Go's would accept.
func bind(socket plugins.Socket) (file *os.File, address string, err error) {
	listener, err := plugins.Bind(socket)
	if err != nil {
		return nil, "", err
	}
	defer listener.Close()
	address = socket.Address
	if host, port, err := net.SplitHostPort(address); socket.Network == "tcp" && err == nil && port == "0" {
		_, chosen, _ := net.SplitHostPort(listener.Addr().String())
		address = net.JoinHostPort(host, chosen)
	}
	filer, ok := listener.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, "", fmt.Errorf("a %s listener has no descriptor", listener.Addr().Network())
	}
	file, err = filer.File()
	return file, address, err
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}
