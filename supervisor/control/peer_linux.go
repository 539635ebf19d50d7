package control

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// isWelcome asks the kernel whose process is at the other end (SO_PEERCRED, unix(7)). Who
// cannot be known is not welcome.
func isWelcome(conn net.Conn) bool {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return false
	}
	var credentials *unix.Ucred
	var credentialsErr error
	err = raw.Control(func(fd uintptr) {
		credentials, credentialsErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || credentialsErr != nil {
		return false
	}
	return mayControl(int(credentials.Uid), os.Getuid())
}
