package process

import (
	"errors"
	"syscall"
	"time"
)

// Identity tells a process from every other that ever had its pid on this boot.
type Identity struct {
	Pid   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot (proc_pid_stat(5), field 22); 0: not known
	Boot  string `json:"boot"`  // the kernel's boot id
}

// Alive tells whether exactly this process still runs. A process whose start time is
// not known counts as gone: better one too few than a stranger.
func (i Identity) Alive() bool {
	if i.Pid <= 1 || i.Start == 0 {
		return false
	}
	now, err := Identify(i.Pid)
	return err == nil && now == i
}

// KillGroup sends SIGKILL to the group that the process leads, if it is still the same
// process, and waits until it is gone, at most bound.
func (i Identity) KillGroup(bound time.Duration) error {
	if !i.Alive() {
		return nil
	}
	if err := syscall.Kill(-i.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return i.waitGone(bound)
}
