package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// facts are what decides whether groups with a controller can be made below the own one.
type facts struct {
	version    By
	controller Controller
	own        string // folder of the own group
	writable   error  // why groups cannot be made in it
	// The others matter for version 2 only.
	offered bool // the controller is offered to it
	enabled bool // and passed on to the groups below
	root    bool // it may hold processes and pass controllers on at the same time
	alone   bool // this process is the only one in it
	foreign bool // systemd keeps it for itself
}

// look finds out without changing anything.
func (h hierarchy) look(c Controller) facts {
	f := facts{version: h.version, controller: c, own: h.own, writable: access(h.own)}
	if h.version != ByVersion2 {
		return f
	}
	if f.writable == nil {
		f.writable = access(filepath.Join(h.own, procsFile))
	}
	f.offered = offers(read(h.own, "cgroup.controllers"), c)
	f.enabled = offers(read(h.own, controlFile), c)
	f.root = h.isRoot()
	f.alone = read(h.own, procsFile) == strconv.Itoa(os.Getpid())
	f.foreign = keptBySystemd(h.own)
	return f
}

func access(path string) error { return unix.Access(path, unix.W_OK) }

// keptBySystemd is true for the group of a unit that is not delegated. Who is not root
// cannot write there; root must not (systemd's CGROUP_DELEGATION.md, which also names the
// attribute that marks delegated groups).
func keptBySystemd(folder string) bool {
	switch filepath.Ext(folder) {
	case ".service", ".scope", ".slice":
	default:
		return false
	}
	for _, attribute := range []string{"trusted.delegate", "user.delegate"} {
		value := make([]byte, 1)
		if n, err := unix.Getxattr(folder, attribute, value); err == nil && n == 1 && value[0] == '1' {
			return false
		}
	}
	info, err := os.Stat(folder)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 // given to a user: delegated by a systemd that marks nothing
}

// What helps where there are no limits.
const (
	remedyNothing  = "boot with control groups"
	remedyVersion1 = "run it as root, or as root move it into a group that belongs to its user"
	remedyVersion2 = "start it with: systemd-run --user --scope -p Delegate=yes ocis server; in a unit: Delegate=yes"
)

// decide says what the facts mean.
func decide(f facts) Support {
	none := func(reason, remedy string) Support { return Support{By: ByNone, Reason: reason, Remedy: remedy} }
	switch {
	case f.version == ByVersion1 && f.writable != nil:
		return none(fmt.Sprintf("%s cannot be written to: %v", f.own, f.writable), remedyVersion1)
	case f.version == ByVersion1:
		return Support{By: ByVersion1}
	case !f.offered:
		return none(fmt.Sprintf("the %s controller is not passed on to %s", f.controller, f.own), remedyVersion2)
	case f.writable != nil:
		return none(fmt.Sprintf("%s cannot be written to: %v", f.own, f.writable), remedyVersion2)
	case f.foreign:
		return none("systemd keeps "+f.own+" for itself", remedyVersion2)
	case !f.enabled && !f.root && !f.alone:
		return none("there are other processes in "+f.own, remedyVersion2)
	}
	return Support{By: ByVersion2}
}

// Examine says whether children of a runtime that is started from where this process is
// would have limits of a kind. It changes nothing.
func Examine(c Controller) Support {
	h, err := here(c)
	if err != nil {
		return Support{By: ByNone, Reason: err.Error(), Remedy: remedyNothing}
	}
	return decide(h.look(c))
}
