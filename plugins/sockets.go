package plugins

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// firstInheritedFD is where inherited descriptors begin (sd_listen_fds(3)).
const firstInheritedFD = 3

// Bind opens a listening socket. A unix socket that a dead process left behind is
// replaced; one that somebody serves is an error. Unix sockets are for the user alone
// (mode 0600), as is their folder, and stay on disk when the listener is closed.
func Bind(socket Socket) (net.Listener, error) {
	if socket.Network != "unix" {
		listener, err := net.Listen(socket.Network, socket.Address)
		if err != nil {
			return nil, fmt.Errorf("bind %s: %w", socket.Address, err)
		}
		return listener, nil
	}
	if err := os.MkdirAll(filepath.Dir(socket.Address), 0o700); err != nil {
		return nil, fmt.Errorf("bind %s: %w", socket.Address, err)
	}
	if err := removeStale(socket.Address); err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket.Address, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", socket.Address, err)
	}
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(socket.Address, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("bind %s: %w", socket.Address, err)
	}
	return listener, nil
}

// removeStale unlinks a socket that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bind %s: %w", path, err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("bind %s: something that is not a socket is there; move it away", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("bind %s: %w: another process serves it; stop that one first", path, syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("bind %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("bind %s: %w", path, err)
	}
	return nil
}

// inheritedListeners turns the descriptors that the supervisor passed into listeners.
func inheritedListeners(names []string) (map[string]net.Listener, error) {
	listeners := make(map[string]net.Listener, len(names))
	for i, name := range names {
		fd := firstInheritedFD + i
		syscall.CloseOnExec(fd)
		file := os.NewFile(uintptr(fd), "inherited socket "+name)
		listener, err := net.FileListener(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("inherited descriptor %d (socket %q) is not a listening socket: %w", fd, name, err)
		}
		listeners[name] = listener
	}
	return listeners, nil
}
