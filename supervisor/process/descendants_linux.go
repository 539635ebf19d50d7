package process

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mostHeld bounds how many processes are held at the same time, each with a descriptor.
const mostHeld = 256

// EndDescendants ends what a child of Start has left that has ended: processes that were
// started with a variable, such as "NAME=value", in their environment, and all below them,
// whatever is in theirs. The variable must be that child's alone. It returns how many they
// were, and blocks until all have ended, for bound at most. It costs one look at a list of
// the kernel's when there are none.
//
// The orphans among the children of this process are looked at. Without BecomeReaper, or
// when the kernel keeps no list of children (it is built without CONFIG_PROC_CHILDREN),
// that is every process, as with EndCarriers.
//
// It does not find who has cleared the variable, or whose environment this user may not
// read, unless it is below somebody who is found.
func EndDescendants(variable string, bound time.Duration) (ended int, err error) {
	h := hunt{among: children.orphans, variables: []string{variable}}
	return h.end(bound)
}

// EndCarriers is EndDescendants for the children of a process that is gone: it looks at
// every process of this user but this one.
func EndCarriers(variables []string, bound time.Duration) (ended int, err error) {
	h := hunt{among: everybody, variables: variables}
	return h.end(bound)
}

// hunt ends processes. A process that it has found is stopped first, so that it makes no
// more, and all of them are killed when nobody new is found any more: somebody whose parent
// was killed too early could not be told from a stranger.
//
// A pid alone is never believed. It is held by a pidfd before anything about it is read,
// and signals go through that: if one arrives, what was read is about its receiver.
type hunt struct {
	among     func() ([]int, error) // where carriers of the variables may be
	variables []string
	held      map[int]int  // pidfds of those that are stopped, by pid
	dead      map[int]bool // who had ended when it was looked at
	failure   error        // why somebody cannot be ended
	ended     int
}

func (h *hunt) end(bound time.Duration) (ended int, err error) {
	h.held, h.dead = map[int]int{}, map[int]bool{}
	defer func() { h.letGo(slices.Collect(maps.Keys(h.held))) }()
	for expires := time.Now().Add(bound); ; {
		pids, err := h.among()
		if err != nil {
			return h.ended, fmt.Errorf("look for descendants: %w", err)
		}
		news := false
		for _, pid := range pids {
			news = h.visit(pid, h.carries) || news
		}
		late := time.Now().After(expires)
		switch {
		case news && len(h.held) < mostHeld && !late:
			continue
		case len(h.held) > 0:
			if err := h.kill(expires); err != nil {
				return h.ended, errors.Join(h.failure, err)
			}
		case !news || h.failure != nil:
			return h.ended, h.failure
		}
		if late {
			return h.ended, errors.Join(h.failure, errors.New("descendants make new ones faster than they can be ended"))
		}
	}
}

// visit holds a process that belongs to the hunted, and those below it. news means that
// there may be more to be found: somebody new was, or has ended and may have left orphans.
func (h *hunt) visit(pid int, belongs func(pid int) (is, settled bool)) (news bool) {
	if _, known := h.held[pid]; !known {
		news = h.hold(pid, belongs)
	}
	pidfd, held := h.held[pid]
	if !held {
		return news
	}
	below, _ := childrenOf(pid) // who has no list has no children
	for _, child := range below {
		news = h.visit(child, h.isBelow(pid)) || news
	}
	return hasEnded(pidfd) && h.died(pid) || news
}

// died notes the end of a process. It is news once.
func (h *hunt) died(pid int) (news bool) {
	news = !h.dead[pid]
	h.dead[pid] = true
	return news
}

// hold stops a process, if it belongs to the hunted.
func (h *hunt) hold(pid int, belongs func(pid int) (is, settled bool)) (news bool) {
	if pid == os.Getpid() || len(h.held) >= mostHeld {
		return false
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		is, settled := belongs(pid)
		if is {
			if err = unix.PidfdSendSignal(pidfd, unix.SIGSTOP, nil, 0); err == nil {
				h.held[pid] = pidfd
				return true
			}
		} else if news = !settled; news && hasEnded(pidfd) {
			err = unix.ESRCH
		}
		unix.Close(pidfd)
	}
	switch {
	case errors.Is(err, unix.ESRCH):
		news = h.died(pid)
	case err != nil:
		h.failure = fmt.Errorf("process %d cannot be ended: %w", pid, err)
	}
	return news
}

func hasEnded(pidfd int) bool {
	ended, err := awaitEnd(pidfd, time.Now())
	return ended && err == nil
}

// carries tells whether a process was started with one of the variables. While it ends, or
// executes a program, there is no environment, or one that breaks off: that is not settled.
func (h *hunt) carries(pid int) (is, settled bool) {
	environ, err := environOf(pid)
	if slices.ContainsFunc(h.variables, environ.has) {
		return true, true
	}
	if errors.Is(err, os.ErrPermission) {
		arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return false, err == nil && len(arguments) > 0
	}
	stat, failed := readStat(pid)
	return false, failed == nil && (stat.isKernelThread() || err == nil && environ.isWhole(stat))
}

// isBelow tells children of a process that is held from those of a later one with its pid.
func (h *hunt) isBelow(parent int) func(pid int) (is, settled bool) {
	return func(pid int) (is, settled bool) {
		stat, err := readStat(pid)
		is = err == nil && stat.parent == parent && unix.PidfdSendSignal(h.held[parent], 0, nil, 0) == nil
		return is, true
	}
}

// kill ends all that are held.
func (h *hunt) kill(expires time.Time) error {
	for _, pidfd := range h.held {
		_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) // gone is as good
	}
	var left []int
	for pid, pidfd := range h.held {
		if ended, err := awaitEnd(pidfd, expires); err != nil || !ended {
			left = append(left, pid)
			continue
		}
		h.ended++
		h.letGo([]int{pid})
	}
	children.sweep()
	if len(left) > 0 {
		return fmt.Errorf("processes %v do not end after SIGKILL", left)
	}
	return nil
}

func (h *hunt) letGo(pids []int) {
	for _, pid := range pids {
		unix.Close(h.held[pid])
		delete(h.held, pid)
	}
}

// orphans returns the children of this process that nobody has started. While they are
// listed nobody is reaped: the list may miss others when somebody leaves it
// (proc_tid_children(5)).
func (f *family) orphans() ([]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pids, err := childrenOf(os.Getpid())
	if err != nil || !f.reaper {
		return everybody()
	}
	return slices.DeleteFunc(pids, func(pid int) bool { return f.started[pid] || inOurSession(pid) }), nil
}

// everybody returns the pids of all processes.
func everybody() ([]int, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	return numbers(folders, filepath.Base), err
}

// childrenOf returns the children of all threads of a process.
func childrenOf(pid int) ([]int, error) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, thread := range threads {
		list, err := os.ReadFile(filepath.Join(tasks, thread.Name(), "children"))
		if err != nil && thread.Name() == strconv.Itoa(pid) { // another thread may have ended
			return nil, err
		}
		pids = append(pids, numbers(strings.Fields(string(list)), strings.TrimSpace)...)
	}
	return pids, nil
}

// numbers returns those of the names that are some.
func numbers(names []string, part func(string) string) []int {
	var found []int
	for _, name := range names {
		if n, err := strconv.Atoi(part(name)); err == nil {
			found = append(found, n)
		}
	}
	return found
}
