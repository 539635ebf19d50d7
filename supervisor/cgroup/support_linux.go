package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// facts are what decides whether groups can be made below the own one.
type facts struct {
	by       By
	own      string // folder of the own group
	writable error  // why groups cannot be made in it
	// The others matter for version 2 only.
	controller bool // memory is offered to it
	enabled    bool // and passed on to the groups below
	root       bool // it may hold processes and pass controllers on at the same time
	alone      bool // this process is the only one in it
	foreign    bool // systemd keeps it for itself
}

// look finds out without changing anything.
func (h hierarchy) look() facts {
	f := facts{by: h.by, own: h.own, writable: access(h.own)}
	if h.by != ByVersion2 {
		return f
	}
	if f.writable == nil {
		f.writable = access(filepath.Join(h.own, "cgroup.procs"))
	}
	f.controller = has(read(h.own, "cgroup.controllers"), "memory")
	f.enabled = has(read(h.own, "cgroup.subtree_control"), "memory")
	_, err := os.Stat(filepath.Join(h.own, "cgroup.type")) // the root has none
	f.root = os.IsNotExist(err)
	f.alone = read(h.own, "cgroup.procs") == strconv.Itoa(os.Getpid())
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

// remedy2 gives the runtime a control group of its own.
const remedy2 = "start it with: systemd-run --user --scope -p Delegate=yes ocis server; in a unit: Delegate=yes"

// decide says what the facts mean.
func decide(f facts) Support {
	none := func(reason, remedy string) Support { return Support{By: ByNone, Reason: reason, Remedy: remedy} }
	switch {
	case f.by == ByVersion1 && f.writable != nil:
		return none(fmt.Sprintf("%s cannot be written to: %v", f.own, f.writable),
			"run it as root, or as root move it into a group that belongs to its user")
	case f.by == ByVersion1:
		return Support{By: ByVersion1}
	case !f.controller:
		return none("the memory controller is not passed on to "+f.own, remedy2)
	case f.writable != nil:
		return none(fmt.Sprintf("%s cannot be written to: %v", f.own, f.writable), remedy2)
	case f.foreign:
		return none("systemd keeps "+f.own+" for itself", remedy2)
	case !f.enabled && !f.root && !f.alone:
		return none("there are other processes in "+f.own, remedy2)
	}
	return Support{By: ByVersion2}
}

// Examine says whether a runtime that is started from where this process is would have
// hard limits. It changes nothing.
func Examine() Support {
	h, err := here()
	if err != nil {
		return Support{By: ByNone, Reason: err.Error(), Remedy: "boot with control groups"}
	}
	return decide(h.look())
}

// seat is the group that this process moves to, where a group with processes must not
// pass controllers on (cgroup-v2.rst, "No Internal Process Constraint").
const seat = "runtime"

// delegate lets the groups below the own one count memory. moved tells that this process
// has left its own group for that.
func (h hierarchy) delegate() (moved bool, err error) {
	const control, procs = "cgroup.subtree_control", "cgroup.procs"
	if has(read(h.own, control), "memory") {
		return false, nil
	}
	if write(h.own, control, "+memory") == nil {
		return false, nil
	}
	if err := os.Mkdir(filepath.Join(h.own, seat), 0o755); err != nil && !os.IsExist(err) {
		return false, err
	}
	err = write(filepath.Join(h.own, seat), procs, "0")
	if err == nil {
		err = write(h.own, control, "+memory")
	}
	if err != nil {
		h.undelegate()
		return false, err
	}
	return true, nil
}

// undelegate goes back to where this process came from.
func (h hierarchy) undelegate() {
	// Each step is as much as can be done: a group that stays is harmless, and the end of
	// its unit removes it.
	_ = write(h.own, "cgroup.subtree_control", "-memory")
	_ = write(h.own, "cgroup.procs", "0")
	_ = os.Remove(filepath.Join(h.own, seat))
}

// processes returns who is in a group. Version 1 lists a process of which one thread is
// there; one that was started for a child's birth may be ours.
func processes(folder string) []int {
	var pids []int
	for field := range strings.FieldsSeq(read(folder, "cgroup.procs")) {
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
