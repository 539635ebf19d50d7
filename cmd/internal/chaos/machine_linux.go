package chaos

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// whoListens asks the kernel who made the listening socket at the other end (SO_PEERCRED,
// unix(7)), and /proc what that is.
func whoListens(conn *net.UnixConn) (peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var credentials *unix.Ucred
	var credentialsErr error
	err = raw.Control(func(fd uintptr) {
		credentials, credentialsErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, credentialsErr); err != nil {
		return peer{}, fmt.Errorf("the kernel does not say whose it is: %w", err)
	}
	them := peer{pid: int(credentials.Pid), uid: int(credentials.Uid)}
	if them.pid <= 0 {
		return them, nil
	}
	executable, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", them.pid))
	if err != nil {
		return peer{}, fmt.Errorf("look at process %d: %w", them.pid, err)
	}
	them.program = strings.TrimSuffix(filepath.Base(executable), " (deleted)") // it was built again (proc_pid_exe(5))
	them.namespace = pidNamespace(fmt.Sprint(them.pid))
	return them, nil
}

// pidNamespace returns the pid namespace of a process (namespaces(7)); empty: not known.
func pidNamespace(pid string) string {
	name, err := os.Readlink("/proc/" + pid + "/ns/pid")
	if err != nil {
		return ""
	}
	return name
}
