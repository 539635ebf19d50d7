package escape

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// lastDescriptor is how far an attempt looks for inherited descriptors.
const lastDescriptor = 4096

func descriptors() []attempt {
	const group = "descriptors"
	return []attempt{
		{name: "inherited-descriptors", group: group, expected: "has those that it was given, and no other", try: listDescriptors},
		{name: "inherited-folder", group: group, expected: "has no folder open", try: readInheritedFolder},
		{name: "type-into-terminal", group: group, expected: "no terminal, or input/output error", try: typeIntoTerminal,
			insideOnly: "it types a space into the terminal"},
	}
}

// listDescriptors finds files, folders, devices and sockets. What else this process has
// open, a pipe or an event queue, is the Go runtime's or leads to nobody.
func listDescriptors(t *Targets) outcome {
	var found []string
	for fd := 3; fd <= lastDescriptor; fd++ {
		var stat unix.Stat_t
		if slices.Contains(t.Limits.Descriptors, fd) || unix.Fstat(fd, &stat) != nil {
			continue
		}
		if kind := kindOf(stat.Mode); kind != "" {
			found = append(found, fmt.Sprintf("%d: %s", fd, kind))
		}
	}
	if len(found) == 0 {
		return withheld("no other")
	}
	return obtained("%s", strings.Join(found, ", "))
}

func kindOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "a device"
	default:
		return ""
	}
}

// readInheritedFolder goes from any folder that is open to the secret, past every root.
func readInheritedFolder(t *Targets) outcome {
	o := withheld("no folder open")
	for fd := range lastDescriptor {
		var stat unix.Stat_t
		if unix.Fstat(fd, &stat) != nil || kindOf(stat.Mode) != "a folder" {
			continue
		}
		for _, way := range []string{secretFile, strings.Repeat("../", 64) + strings.TrimPrefix(t.path(secretFile), "/")} {
			secret, err := unix.Openat(fd, way, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				o = refused(err)
				continue
			}
			data := make([]byte, 256)
			n, _ := unix.Read(secret, data)
			unix.Close(secret)
			if o = judgeSecret(t, data[:max(n, 0)], fmt.Sprintf("the folder open as %d", fd)); o.escaped {
				return o
			}
		}
	}
	return o
}

// typeIntoTerminal types as if the user did, into a terminal that it was given.
func typeIntoTerminal(*Targets) outcome {
	terminal, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(terminal)
		return typeInto(terminal)
	}
	for fd := range lastDescriptor {
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
			return typeInto(fd)
		}
	}
	return withheld("no terminal: %v", err)
}

func typeInto(terminal int) outcome {
	space := byte(' ')
	return did(call(unix.SYS_IOCTL, uintptr(terminal), unix.TIOCSTI, uintptr(unsafe.Pointer(&space)), 0), "typed into the terminal")
}
