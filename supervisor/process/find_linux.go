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
		environ, err := environOf(pid)
		if err != nil || slices.ContainsFunc(variables, func(v string) bool { return !environ.has(v) }) {
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

// environOf reads it; other users' is not for us.
func environOf(pid int) (environ, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return append(environ{0}, content...), err
}

// isWhole tells whether nothing was missing when it was read; stat was read later.
func (e environ) isWhole(stat stat) bool {
	return stat.environEnd > 0 && uint64(len(e)-1) == stat.environEnd-stat.environStart
}

func (e environ) has(variable string) bool {
	return bytes.Contains(e, []byte("\x00"+variable+"\x00"))
}
