//go:build !linux

package control

import "net"

// isWelcome relies on the socket's mode, 0600 in a folder of mode 0700.
func isWelcome(net.Conn) bool { return true }
