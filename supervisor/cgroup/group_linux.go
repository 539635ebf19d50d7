package cgroup

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clearBound is how long what is left in a group may take to end.
const clearBound = 2 * time.Second

// Group is a control group of one child at a time.
type Group struct {
	groups   *Groups
	instance string
	folder   string
	hard     uint64
	before   uint64 // kills that were counted when the last child had left

	mu      sync.Mutex
	outside error // why the child is not in it
}

// HardBytes returns the limit.
func (g *Group) HardBytes() uint64 { return g.hard }

// Outside returns why the child that was born with Place is not in the group; nil: it is.
func (g *Group) Outside() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.outside
}

// Place runs fork so that the new process is born in the group, and counted from its
// first page on. When that cannot be done, the process is born outside: a child without
// a hard limit is better than none. It returns fork's error.
func (g *Group) Place(attributes *syscall.SysProcAttr, fork func() error) error {
	if g.groups.place.by == ByVersion2 {
		return g.forkInto(attributes, fork)
	}
	return g.forkFromThread(fork)
}

func (g *Group) stayOutside(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.outside = why
}

// forkInto uses clone3(2) with CLONE_INTO_CGROUP.
func (g *Group) forkInto(attributes *syscall.SysProcAttr, fork func() error) error {
	folder, err := unix.Open(g.folder, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		g.stayOutside(fmt.Errorf("open %s: %w", g.folder, err))
		return fork()
	}
	defer unix.Close(folder)
	attributes.UseCgroupFD, attributes.CgroupFD = true, folder
	first := fork()
	if first == nil {
		g.stayOutside(nil)
		return nil
	}
	// The error may be the program's, or that of a sandbox without clone3.
	attributes.UseCgroupFD = false
	g.stayOutside(fmt.Errorf("start a process in %s: %w", g.folder, first))
	return fork()
}

// forkFromThread forks from a thread that is in the group, as a new process is in the
// groups of the thread that made it. Version 1 has no other way without a gap: a process
// that is moved after its birth leaves what it has taken so far behind, and moving it
// takes 10 ms and more, since the kernel waits for all processors; a thread that moves
// itself need not wait (cgroup_procs_write_start in the kernel's cgroup.c).
//
// While it forks, the supervisor is listed in the child's group, but its memory is not
// counted there: that goes with the main thread, which is never used here.
func (g *Group) forkFromThread(fork func() error) (err error) {
	onThread(func() (keep bool) {
		if moved := write(g.folder, "tasks", "0"); moved != nil {
			g.stayOutside(fmt.Errorf("start a process in %s: %w", g.folder, moved))
			err = fork()
			return true
		}
		g.stayOutside(nil)
		err = fork()
		return write(g.groups.place.own, "tasks", "0") == nil
	})
	return err
}

// onThread runs work on a thread that is not the main one, and ends that thread unless
// work returns true.
func onThread(work func() (keep bool)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			onThread(work) // while this one occupies the main thread
			runtime.UnlockOSThread()
			return
		}
		if work() {
			runtime.UnlockOSThread()
		} // a goroutine that ends while it is locked takes its thread with it
	}()
	<-done
}

// Kills returns how many processes of the group the kernel killed for want of memory
// since Take. It is to be asked before Release.
func (g *Group) Kills() uint64 { return g.counted() - g.before }

func (g *Group) counted() uint64 {
	return lineOf(g.folder, g.groups.place.events, "oom_kill") // not told before Linux 4.13
}

// lineOf returns the number of a line "name number" of a file; 0: there is none.
func lineOf(folder, file, name string) uint64 {
	for line := range strings.Lines(read(folder, file)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			n, _ := strconv.ParseUint(fields[1], 10, 64)
			return n
		}
	}
	return 0
}

// Release ends what the child left in the group, such as descendants in sessions of
// their own, and gives the group back. It blocks for clearBound at most; after an error
// the group is not used again.
func (g *Group) Release() error {
	err := clearUntil(g.folder, time.Now().Add(clearBound))
	g.groups.mu.Lock()
	defer g.groups.mu.Unlock()
	if err != nil {
		g.groups.own[g.instance]--
		return err
	}
	if g.isUsedUp() {
		g.groups.drop(g)
		return g.groups.spare(g.instance, g.hard)
	}
	g.before = g.counted()
	g.groups.free[g.instance] = append(g.groups.free[g.instance], g)
	return nil
}

// isUsedUp tells whether much is still counted to the group although nobody is in it:
// files in a tmpfs, which the kernel cannot take back. The next child would not have
// enough.
func (g *Group) isUsedUp() bool { return lineOf(g.folder, "memory.stat", "shmem") > g.hard/4 }

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
