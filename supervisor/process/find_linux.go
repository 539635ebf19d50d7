package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// FindByEnvironment returns the processes of this user that were started with a variable,
// such as "NAME=value", in their environment (proc_pid_environ(5): as it was at the start,
// whatever the process has done to it since).
func FindByEnvironment(variable string) []Identity {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil
	}
	var found []Identity
	for _, file := range files {
		environ, err := os.ReadFile(file) // other users' are not for us
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+variable+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if identity, err := Identify(pid); err == nil {
			found = append(found, identity)
		}
	}
	return found
}
