package cgroup

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// controllers are all that are used.
var controllers = []Controller{Memory, Tasks, CPU}

// Groups are the control groups of a runtime's children. They are below the runtime's
// own, in a folder whose name follows from the run directory; with version 1 there is one
// such folder in each hierarchy. It is safe for concurrent use.
//
// A group that its child has left is kept for a later child of the same instance: to make
// one costs 0.3 ms, and a removed one stays in the kernel for as long as a page of a file
// is counted to it, which would be a leak of one for each restart.
type Groups struct {
	support  map[Controller]Support
	branches []*branch
	record   string // file in the run directory that names the branches' folders

	mu   sync.Mutex
	made int                 // names them
	own  map[string]int      // how many an instance has
	free map[string][]*Group // of an instance
}

// branch is where the groups are in one hierarchy. With version 2 there is one for all
// controllers.
type branch struct {
	hierarchy
	base        string // folder of the children's groups
	controllers []Controller
	moved       bool // this process left its own group
}

// place is where a controller is, or why it is nowhere.
type place struct {
	hierarchy
	err error
}

// Open makes ready for groups, and removes what a dead predecessor on the same run
// directory left, with the processes in it; the caller holds that directory's lock. It
// never fails: where there can be no limits, Support says why, and Take returns nil.
func Open(runDir string) *Groups {
	places := map[Controller]place{}
	for _, c := range controllers {
		h, err := here(c)
		places[c] = place{h, err}
	}
	return open(runDir, places)
}

func open(runDir string, places map[Controller]place) *Groups {
	sum := sha256.Sum256([]byte(runDir))
	name := "ocis-" + hex.EncodeToString(sum[:6])
	g := &Groups{
		support: map[Controller]Support{}, record: filepath.Join(runDir, "cgroup"),
		own: map[string]int{}, free: map[string][]*Group{},
	}
	if left, err := os.ReadFile(g.record); err == nil {
		for base := range strings.Lines(string(left)) {
			if base = strings.TrimSpace(base); filepath.Base(base) == name {
				sweep(base)
			}
		}
	}
	for _, c := range controllers {
		g.locate(c, places[c], name)
	}
	g.branches = slices.DeleteFunc(g.branches, func(b *branch) bool { return !g.prepare(b) })
	g.remember()
	return g
}

// locate finds a branch for a controller.
func (g *Groups) locate(c Controller, at place, name string) {
	if at.err != nil {
		g.support[c] = Support{By: ByNone, Reason: at.err.Error(), Remedy: remedyNothing}
		return
	}
	if g.support[c] = decide(at.look(c)); g.support[c].By == ByNone {
		return
	}
	base := filepath.Join(at.own, name)
	for _, b := range g.branches {
		if b.base == base {
			b.controllers = append(b.controllers, c)
			return
		}
	}
	g.branches = append(g.branches, &branch{hierarchy: at.hierarchy, base: base, controllers: []Controller{c}})
}

// prepare makes the folder of a branch. It returns false, and leaves nothing behind, when
// no limit can be set there.
func (g *Groups) prepare(b *branch) bool {
	fail := func(failed map[Controller]error) {
		for c, err := range failed {
			g.support[c] = Support{By: ByNone, Reason: "control groups cannot be used: " + err.Error()}
		}
		b.controllers = slices.DeleteFunc(b.controllers, func(c Controller) bool { return failed[c] != nil })
	}
	if b.version == ByVersion2 {
		var failed map[Controller]error
		b.moved, failed = b.delegate(b.controllers)
		fail(failed)
	}
	sweep(b.base)
	if err := os.Mkdir(b.base, 0o755); err != nil && !os.IsExist(err) {
		fail(forAll(b.controllers, err))
	}
	if b.version == ByVersion2 {
		fail(passOn(b.base, b.controllers))
	}
	if len(b.controllers) == 0 {
		b.close()
	}
	return len(b.controllers) > 0
}

// remember writes down where the groups are. Without, a next runtime would not find those
// of hierarchies in which it is elsewhere than this one: then there are none.
func (g *Groups) remember() {
	var bases strings.Builder
	for _, b := range g.branches {
		bases.WriteString(b.base + "\n")
	}
	if len(g.branches) == 0 {
		return
	}
	if err := os.WriteFile(g.record, []byte(bases.String()), 0o600); err != nil {
		g.Close()
		g.branches = nil
		for _, c := range controllers {
			g.support[c] = Support{By: ByNone, Reason: "control groups cannot be used: " + err.Error()}
		}
	}
}

// Support says whether there are limits of a kind, and if not, why.
func (g *Groups) Support(c Controller) Support { return g.support[c] }

// Take returns a group with these limits for a child of an instance; nil: no limit of them
// is to be had here, or there is none. Group.Without says which of them the group lacks.
func (g *Groups) Take(instance string, limits Limits) *Group {
	if !g.any(limits) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if free := g.free[instance]; len(free) > 0 {
		last := free[len(free)-1]
		g.free[instance] = free[:len(free)-1]
		if last.limits == limits {
			return last
		}
		g.drop(last)
	}
	return g.make(instance, limits)
}

// any tells whether one of these limits is to be had.
func (g *Groups) any(limits Limits) bool {
	return slices.ContainsFunc(g.branches, func(b *branch) bool { return len(b.wanted(limits)) > 0 })
}

// Spare makes sure that the next Take of an instance will find a group, also while the
// last child is still being cleared away. It costs what Take would cost then. When it
// fails, that Take tries again and says why.
func (g *Groups) Spare(instance string, limits Limits) {
	if !g.any(limits) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spare(instance, limits)
}

// spare does the work of Spare. The caller holds the lock.
func (g *Groups) spare(instance string, limits Limits) {
	if g.own[instance] > 1 { // the other one is free when its child has ended
		return
	}
	if spare := g.make(instance, limits); spare.broken {
		g.drop(spare)
	} else {
		g.free[instance] = append(g.free[instance], spare)
	}
}

// make makes a group, with as many of the limits as it can. The caller holds the lock.
func (g *Groups) make(instance string, limits Limits) *Group {
	g.made++
	group := &Group{groups: g, instance: instance, limits: limits, lacks: map[Controller]error{}}
	for _, b := range g.branches {
		group.branch(b, instance+"."+strconv.Itoa(g.made))
	}
	g.own[instance]++
	return group
}

// drop gives an empty group up. The caller holds the lock.
func (g *Groups) drop(group *Group) {
	g.own[group.instance]--
	for _, f := range group.folders {
		_ = os.Remove(f.path) // what stays goes with Close, or at the next start
	}
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
	for _, b := range g.branches {
		b.close()
	}
	if len(g.branches) > 0 {
		_ = os.Remove(g.record)
	}
}

func (b *branch) close() {
	sweep(b.base)
	if b.moved {
		b.undelegate(controllers)
		b.moved = false
	}
}

// wanted returns the controllers of the branch that limit something.
func (b *branch) wanted(limits Limits) []Controller {
	return slices.DeleteFunc(slices.Clone(b.controllers), func(c Controller) bool { return len(limits.settings(b.version, c)) == 0 })
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
