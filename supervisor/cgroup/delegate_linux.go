package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Files of every group of version 2.
const (
	controlFile = "cgroup.subtree_control"
	procsFile   = "cgroup.procs"
)

// seat is the group that this process moves to, where a group with processes must not
// pass controllers on (cgroup-v2.rst, "No Internal Process Constraint"). With pids and cpu
// alone it may, but then nothing can be started in the groups below ("Threads").
const seat = "runtime"

// delegate lets the groups below the own one use controllers, and says which it cannot.
// moved tells that this process has left its own group for that.
func (h hierarchy) delegate(wanted []Controller) (moved bool, failed map[Controller]error) {
	missing := slices.DeleteFunc(slices.Clone(wanted), func(c Controller) bool { return offers(read(h.own, controlFile), c) })
	if len(missing) == 0 {
		return false, nil
	}
	if !h.isRoot() {
		if err := h.sitApart(); err != nil {
			return false, forAll(missing, err)
		}
		moved = true
	}
	failed = passOn(h.own, missing)
	if moved && len(failed) == len(wanted) {
		h.undelegate(wanted)
		moved = false
	}
	return moved, failed
}

// isRoot tells whether the own group is the root of all, which may hold processes and pass
// controllers on at the same time. It alone has no type.
func (h hierarchy) isRoot() bool {
	_, err := os.Stat(filepath.Join(h.own, "cgroup.type"))
	return os.IsNotExist(err)
}

// sitApart moves this process out of its own group.
func (h hierarchy) sitApart() error {
	apart := filepath.Join(h.own, seat)
	if err := os.Mkdir(apart, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	err := write(apart, procsFile, "0")
	if err != nil {
		_ = os.Remove(apart) // empty, and harmless if it stays
	}
	return err
}

// passOn lets the groups below a folder use controllers, each for itself, and says which
// they cannot.
func passOn(folder string, wanted []Controller) map[Controller]error {
	failed := map[Controller]error{}
	for _, c := range wanted {
		if err := write(folder, controlFile, "+"+string(c)); err != nil {
			failed[c] = fmt.Errorf("pass the %s controller on: %w", c, err)
		}
	}
	return failed
}

// undelegate goes back to where this process came from.
func (h hierarchy) undelegate(passed []Controller) {
	// Each step is as much as can be done: a group that stays is harmless, and the end of
	// its unit removes it.
	for _, c := range passed {
		_ = write(h.own, controlFile, "-"+string(c))
	}
	_ = write(h.own, procsFile, "0")
	_ = os.Remove(filepath.Join(h.own, seat))
}

// forAll says the same of several controllers.
func forAll(of []Controller, err error) map[Controller]error {
	all := make(map[Controller]error, len(of))
	for _, c := range of {
		all[c] = err
	}
	return all
}
