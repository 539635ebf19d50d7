package cgroup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Groups are the control groups of a runtime's children. They are below the runtime's
// own, in a folder whose name follows from the run directory. It is safe for concurrent use.
//
// A group that its child has left is kept for a later child of the same instance: to make
// one costs 0.3 ms, and a removed one stays in the kernel for as long as a page of a file
// is counted to it, which would be a leak of one for each restart.
type Groups struct {
	support Support
	place   hierarchy
	base    string // folder of the children's groups
	record  string // file in the run directory that names base
	moved   bool   // this process left its own group

	mu   sync.Mutex
	made int                 // names them
	own  map[string]int      // how many an instance has
	free map[string][]*Group // of an instance
}

// Open makes ready for groups, and removes what a dead predecessor on the same run
// directory left, with the processes in it; the caller holds that directory's lock. It
// never fails: where there can be no groups, Support says why, and Take returns nil.
func Open(runDir string) *Groups {
	h, err := here()
	if err != nil {
		return &Groups{support: Support{By: ByNone, Reason: err.Error()}}
	}
	return open(runDir, h)
}

func open(runDir string, h hierarchy) *Groups {
	sum := sha256.Sum256([]byte(runDir))
	name := "ocis-" + hex.EncodeToString(sum[:6])
	g := &Groups{
		place: h, base: filepath.Join(h.own, name), record: filepath.Join(runDir, "cgroup"),
		own: map[string]int{}, free: map[string][]*Group{},
	}
	if left, err := os.ReadFile(g.record); err == nil && filepath.Base(string(left)) == name {
		sweep(string(left))
	}
	if g.support = decide(h.look()); g.support.By == ByNone {
		return g
	}
	if err := g.prepare(); err != nil {
		g.support = Support{By: ByNone, Reason: "control groups cannot be used: " + err.Error()}
	}
	return g
}

// prepare makes the folder of the groups.
func (g *Groups) prepare() (err error) {
	if g.place.by == ByVersion2 {
		if g.moved, err = g.place.delegate(); err != nil {
			return fmt.Errorf("pass the memory controller on: %w", err)
		}
	}
	sweep(g.base)
	if err = os.Mkdir(g.base, 0o755); err == nil || os.IsExist(err) {
		err = os.WriteFile(g.record, []byte(g.base), 0o600)
	}
	if err == nil && g.place.by == ByVersion2 {
		err = write(g.base, "cgroup.subtree_control", "+memory")
	}
	if err != nil {
		g.Close()
	}
	return err
}

// Support says whether there are hard limits, and if not, why.
func (g *Groups) Support() Support { return g.support }

// Take returns a group with a hard limit for the next child of an instance, who has it
// alone until Release. It is nil where there are no groups, or none was wanted (0).
func (g *Groups) Take(instance string, hard uint64) (*Group, error) {
	if g.support.By == ByNone || hard == 0 {
		return nil, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if free := g.free[instance]; len(free) > 0 {
		last := free[len(free)-1]
		g.free[instance] = free[:len(free)-1]
		if last.hard == hard {
			return last, nil
		}
		g.drop(last)
	}
	return g.make(instance, hard)
}

// Spare makes sure that the next Take of an instance will find a group, also while the
// last child is still being cleared away. It costs what Take would cost then.
func (g *Groups) Spare(instance string, hard uint64) error {
	if g.support.By == ByNone || hard == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.spare(instance, hard)
}

// spare does the work of Spare. The caller holds the lock.
func (g *Groups) spare(instance string, hard uint64) error {
	if g.own[instance] > 1 { // the other one is free when its child has ended
		return nil
	}
	spare, err := g.make(instance, hard)
	if err == nil {
		g.free[instance] = append(g.free[instance], spare)
	}
	return err
}

// make makes a group. The caller holds the lock.
func (g *Groups) make(instance string, hard uint64) (*Group, error) {
	g.made++
	group := &Group{groups: g, instance: instance, hard: hard}
	group.folder = filepath.Join(g.base, instance+"."+strconv.Itoa(g.made))
	if err := os.Mkdir(group.folder, 0o755); err != nil {
		return nil, fmt.Errorf("make a control group for %s: %w", instance, err)
	}
	if err := write(group.folder, g.place.limit, strconv.FormatUint(hard, 10)); err != nil {
		return nil, errors.Join(fmt.Errorf("limit the memory of %s: %w", instance, err), os.Remove(group.folder))
	}
	// A kernel that does not count swap has no such file, and swaps instead of killing.
	_ = write(group.folder, g.place.swap, g.place.swapLimit(hard))
	g.own[instance]++
	return group, nil
}

// drop gives an empty group up. The caller holds the lock.
func (g *Groups) drop(group *Group) {
	g.own[group.instance]--
	_ = os.Remove(group.folder) // what stays goes with Close, or at the next start
}

// Forget gives up all groups of an instance that is gone. What its children have not given
// back goes with Close.
func (g *Groups) Forget(instance string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, group := range g.free[instance] {
		g.drop(group)
	}
	delete(g.free, instance)
	delete(g.own, instance)
}

// Close removes all groups, with what is left in them, and goes back to where this
// process came from.
func (g *Groups) Close() {
	if g.base != "" {
		sweep(g.base)
		_ = os.Remove(g.record)
	}
	if g.moved {
		g.place.undelegate()
		g.moved = false
	}
}

// sweep removes a folder of groups, as far as that can be done in clearBound.
func sweep(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return // there is none
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() })
	deadline := time.Now().Add(clearBound)
	for _, entry := range entries {
		folder := filepath.Join(base, entry.Name())
		if clearUntil(folder, deadline) == nil {
			_ = removeUntil(folder, deadline)
		}
	}
	_ = removeUntil(base, deadline)
}
