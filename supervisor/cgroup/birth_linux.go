package cgroup

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Place runs fork so that the new process is born in the group, and counted from its
// first page on. When that cannot be done, the process is born outside: a child without
// a limit is better than none. It returns fork's error.
func (g *Group) Place(attributes *syscall.SysProcAttr, fork func() error) error {
	g.mu.Lock()
	g.outside = map[*folder]error{}
	g.mu.Unlock()
	var threads []*folder
	for _, f := range g.folders {
		if f.version == ByVersion1 {
			threads = append(threads, f)
			continue
		}
		outer := fork
		fork = func() error { return g.forkInto(f, attributes, outer) }
	}
	if len(threads) == 0 {
		return fork()
	}
	return g.forkFromThread(threads, fork)
}

// stayOutside notes why the child is not in one of the folders.
func (g *Group) stayOutside(f *folder, why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.outside[f] = fmt.Errorf("start a process in %s: %w", f.path, why)
}

// forkInto uses clone3(2) with CLONE_INTO_CGROUP.
func (g *Group) forkInto(f *folder, attributes *syscall.SysProcAttr, fork func() error) error {
	fd, err := unix.Open(f.path, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		g.stayOutside(f, err)
		return fork()
	}
	defer unix.Close(fd)
	attributes.UseCgroupFD, attributes.CgroupFD = true, fd
	first := fork()
	if first == nil {
		return nil
	}
	// The error may be the program's, or that of a sandbox without clone3.
	attributes.UseCgroupFD = false
	g.stayOutside(f, first)
	return fork()
}

// forkFromThread forks from a thread that is in the group, as a new process is in the
// groups of the thread that made it. Version 1 has no other way without a gap: a process
// that is moved after its birth leaves what it has taken so far behind, and moving it
// takes 10 ms and more, since the kernel waits for all processors; a thread that moves
// itself need not wait (cgroup_procs_write_start in the kernel's cgroup.c).
//
// While it forks, the supervisor is listed in the child's group, and the thread counts there
// as one task, but the supervisor's memory does not: that goes with the main thread, which
// is never used here.
func (g *Group) forkFromThread(folders []*folder, fork func() error) (err error) {
	onThread(func() (keep bool) {
		var entered []*folder
		for _, f := range folders {
			if moved := write(f.path, "tasks", "0"); moved != nil {
				g.stayOutside(f, moved)
			} else {
				entered = append(entered, f)
			}
		}
		err = fork()
		keep = true
		for _, f := range entered {
			keep = write(f.own, "tasks", "0") == nil && keep
		}
		return keep
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
