package cgroup

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clearBound is how long what is left in groups may take to end.
const clearBound = 2 * time.Second

// clearUntil kills what is in a group until nothing is left.
func clearUntil(folder string, deadline time.Time) error {
	return untilDone(deadline, func() (bool, error) {
		pids := processes(folder)
		if len(pids) == 0 {
			return true, nil
		}
		killMembers(folder, pids)
		return false, fmt.Errorf("processes %v in %s do not end", pids, folder)
	})
}

// removeUntil removes an empty group. The kernel may need a moment more than its last
// process.
func removeUntil(folder string, deadline time.Time) error {
	return untilDone(deadline, func() (bool, error) {
		err := os.Remove(folder)
		return err == nil || !errors.Is(err, syscall.EBUSY), err
	})
}

// untilDone tries at once, and again in growing intervals until the deadline.
func untilDone(deadline time.Time, try func() (done bool, err error)) error {
	for wait := 500 * time.Microsecond; ; wait = min(2*wait, 50*time.Millisecond) {
		done, err := try()
		if done || time.Now().After(deadline) {
			return err
		}
		time.Sleep(wait)
	}
}

// killMembers kills processes that are provably in the group: a pid that was given to
// somebody else meanwhile is spared.
func killMembers(folder string, pids []int) {
	if write(folder, "cgroup.kill", "1") == nil { // version 2, since Linux 5.14
		return
	}
	held := make(map[int]int, len(pids))
	for _, pid := range pids {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			held[pid] = fd
		}
	}
	for _, pid := range processes(folder) {
		if fd, ok := held[pid]; ok {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // gone is as good
		}
	}
	for _, fd := range held {
		unix.Close(fd)
	}
}

// processes returns who is in a group. Version 1 lists a process of which one thread is
// there; one that was started for a child's birth may be ours.
func processes(folder string) []int {
	var pids []int
	for field := range strings.FieldsSeq(read(folder, procsFile)) {
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
