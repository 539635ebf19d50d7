package process

import (
	"bytes"
	"fmt"
	"os"
	"slices"
)

// FindByEnvironment returns the processes of this user that were started with all of these
// variables, such as "NAME=value", in their environment (proc_pid_environ(5): as it was at
// the start, unless the process has written over it).
func FindByEnvironment(variables ...string) []Identity {
	pids, err := everybody()
	if err != nil {
		return nil
	}
	var found []Identity
	for _, pid := range pids {
		environ := environOf(pid)
		if slices.ContainsFunc(variables, func(v string) bool { return !environ.has(v) }) {
			continue
		}
		if identity, err := Identify(pid); err == nil {
			found = append(found, identity)
		}
	}
	return found
}

// environ is what a process was started with: "\x00NAME=value\x00NAME=value\x00".
type environ []byte

// environOf reads it; other users' is not for us, and empty.
func environOf(pid int) environ {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	return append(environ{0}, content...)
}

func (e environ) has(variable string) bool {
	return bytes.Contains(e, []byte("\x00"+variable+"\x00"))
}
