package control

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// mayControl tells whether the process at the other end belongs to the user of this
// one, or to root (SO_PEERCRED, unix(7)).
func mayControl(conn net.Conn) bool {
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
	return credentials.Uid == 0 || int(credentials.Uid) == os.Getuid()
}
