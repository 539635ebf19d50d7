package escape

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func namespaces() []attempt {
	const group = "namespaces"
	const denied = "operation not permitted"
	return []attempt{
		{name: "unshare-user", group: group, expected: denied, try: func(*Targets) outcome {
			return did(alone(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0), "is root of a user namespace of its own")
		}},
		{name: "clone-user", group: group, expected: denied, try: cloneUser},
		{name: "clone3-user", group: group, expected: denied + ", or function not implemented", try: clone3User},
		{name: "unshare-others", group: group, expected: denied, try: func(*Targets) outcome {
			return did(alone(unix.SYS_UNSHARE, unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS, 0, 0), "made namespaces")
		}},
		{name: "enter-namespaces", group: group, expected: "no such process, or operation not permitted", try: onVictim(enterNamespaces)},
	}
}

func cloneUser(*Targets) outcome {
	pid, errno := forkInto(unix.CLONE_NEWUSER, unix.SYS_GETUID, 0, 0, 0)
	if errno != 0 {
		return refused(errno)
	}
	_ = endOf(pid)
	return obtained("a child is root of a user namespace of its own")
}

// clone3User asks by the call whose arguments a seccomp filter cannot see.
func clone3User(*Targets) outcome {
	arguments := struct{ flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64 }{
		flags: unix.CLONE_NEWUSER, exitSignal: uint64(unix.SIGCHLD)}
	pid, errno := clone3(unsafe.Pointer(&arguments), unsafe.Sizeof(arguments))
	if errno != 0 {
		return refused(errno)
	}
	_ = endOf(pid)
	return obtained("a child is root of a user namespace of its own")
}

// clone3 makes a process that ends at once; as in forkInto, nothing else may be called.
//
//go:norace
//go:nosplit
func clone3(arguments unsafe.Pointer, size uintptr) (int, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(arguments), size, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// enterNamespaces tries those of the victim one by one: what can be entered depends on
// what is its own already.
func enterNamespaces(_ *Targets, pid int) outcome {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return refused(err)
	}
	defer unix.Close(pidfd)
	for _, kind := range []uintptr{unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWNET, unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWPID} {
		if err = alone(unix.SYS_SETNS, uintptr(pidfd), kind, 0); err == nil {
			return obtained("entered a namespace of the victim")
		}
	}
	return refused(err)
}

func mounts() []attempt {
	const group = "mounts"
	const denied = "operation not permitted"
	return []attempt{
		{name: "mount", group: group, expected: denied, try: mountMemory},
		{name: "unmount", group: group, expected: denied, try: func(*Targets) outcome {
			// The root cannot expire, so nothing happens to who may unmount.
			return permitted(unix.Unmount("/", unix.MNT_EXPIRE))
		}},
		{name: "remount", group: group, expected: denied, try: remount},
		{name: "mount-setattr", group: group, expected: denied, try: setMountAttribute},
		{name: "fsopen", group: group, expected: denied, try: func(*Targets) outcome {
			fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
			return opened(uintptr(fd), 0, errnoOf(err))
		}},
		{name: "open-tree", group: group, expected: denied, try: func(*Targets) outcome {
			fd, err := unix.OpenTree(unix.AT_FDCWD, ".", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			return opened(uintptr(fd), 0, errnoOf(err))
		}},
		{name: "chroot", group: group, expected: denied, try: func(*Targets) outcome { return did(unix.Chroot("/"), "may change its root") }},
		{name: "pivot-root", group: group, expected: denied, try: func(t *Targets) outcome {
			return permitted(unix.PivotRoot(t.name("no-such-folder"), t.name("no-such-folder")))
		}},
	}
}

func errnoOf(err error) syscall.Errno {
	errno, _ := err.(syscall.Errno)
	return errno
}

// mountMemory mounts over its scratch folder, in mounts of its own if it can have them.
func mountMemory(t *Targets) outcome {
	err := unix.Unshare(unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err != nil && !t.Inside {
		return refused(err)
	}
	const folder = "mount"
	if err := os.Mkdir(folder, 0o700); err != nil {
		return untried("no folder to mount at: %v", err)
	}
	if err := unix.Mount("escape", folder, "tmpfs", 0, "size=4k"); err != nil {
		return refused(err)
	}
	_ = unix.Unmount(folder, unix.MNT_DETACH)
	return obtained("mounted a file system")
}

// remount names a folder at which nothing is mounted.
func remount(*Targets) outcome {
	const folder = "remount"
	if err := os.Mkdir(folder, 0o700); err != nil {
		return untried("no folder to mount at: %v", err)
	}
	return permitted(unix.Mount("", folder, "", unix.MS_REMOUNT|unix.MS_BIND, ""))
}

func setMountAttribute(*Targets) outcome {
	const folder = "attribute"
	if err := os.Mkdir(folder, 0o700); err != nil {
		return untried("no folder to mount at: %v", err)
	}
	return permitted(unix.MountSetattr(unix.AT_FDCWD, folder, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV}))
}
