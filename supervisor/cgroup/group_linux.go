package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Group is a control group of one child at a time: a folder in each hierarchy that limits
// something.
type Group struct {
	groups   *Groups
	instance string
	limits   Limits
	folders  []*folder
	lacks    map[Controller]error // limits that could not be set
	broken   bool                 // one of them should have been there: it is not used again
	before   uint64               // kills that were counted when the last child had left

	mu      sync.Mutex
	outside map[*folder]error // why the child is not in it
}

// folder is a group's place in one hierarchy.
type folder struct {
	*branch
	path   string
	limits []Controller // that are set in it
}

// branch makes the group's folder in a branch, with as many limits as can be set there.
func (g *Group) branch(b *branch, name string) {
	wanted := b.wanted(g.limits)
	if len(wanted) == 0 {
		return
	}
	f := &folder{branch: b, path: filepath.Join(b.base, name)}
	if err := os.Mkdir(f.path, 0o755); err != nil {
		g.lack(wanted, fmt.Errorf("make a control group for %s: %w", g.instance, err))
		return
	}
	for _, c := range wanted {
		if err := f.set(c, g.limits); err != nil {
			g.lack([]Controller{c}, fmt.Errorf("limit the %s of %s: %w", c, g.instance, err))
		} else {
			f.limits = append(f.limits, c)
		}
	}
	if len(f.limits) == 0 {
		_ = os.Remove(f.path) // what stays goes with Close
		return
	}
	g.folders = append(g.folders, f)
}

// set makes a limit apply.
func (f *folder) set(c Controller, limits Limits) error {
	for _, s := range limits.settings(f.version, c) {
		if err := write(f.path, s.file, s.text); err != nil && !s.optional {
			return err
		}
	}
	return nil
}

func (g *Group) lack(limits []Controller, why error) {
	g.broken = true
	for _, c := range limits {
		g.lacks[c] = why
	}
}

// Limits returns what was asked for with Take.
func (g *Group) Limits() Limits { return g.limits }

// Without returns why a limit does not apply to the child that was born with Place; nil: it
// applies, or none was asked for.
func (g *Group) Without(c Controller) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.with(c)
	switch {
	case f != nil:
		return g.outside[f]
	case g.lacks[c] != nil || len(g.limits.settings(ByVersion2, c)) == 0:
		return g.lacks[c]
	}
	return errors.New(g.groups.support[c].Reason)
}

// with returns the folder that has a limit; nil: there is none.
func (g *Group) with(c Controller) *folder {
	if at := slices.IndexFunc(g.folders, func(f *folder) bool { return slices.Contains(f.limits, c) }); at >= 0 {
		return g.folders[at]
	}
	return nil
}

// Kills returns how many processes of the group the kernel killed for want of memory
// since Take. It is to be asked before Release.
func (g *Group) Kills() uint64 { return g.counted() - g.before }

func (g *Group) counted() uint64 {
	if f := g.with(Memory); f != nil {
		return lineOf(f.path, memoryEvents(f.version), "oom_kill") // not told before Linux 4.13
	}
	return 0
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
	err := g.clear(time.Now().Add(clearBound))
	g.groups.mu.Lock()
	defer g.groups.mu.Unlock()
	if err != nil {
		g.groups.own[g.instance]--
		return err
	}
	if g.broken || g.isUsedUp() {
		g.groups.drop(g)
		g.groups.spare(g.instance, g.limits)
		return nil
	}
	g.before = g.counted()
	g.groups.free[g.instance] = append(g.groups.free[g.instance], g)
	return nil
}

// clear ends what is in the group. A limit of CPU that is set anew begins with all its time:
// otherwise the next child, and with version 1 the thread that starts it, would wait until
// the period is over in which this one has used up its own.
func (g *Group) clear(deadline time.Time) (err error) {
	for _, f := range g.folders {
		err = errors.Join(err, clearUntil(f.path, deadline))
		if slices.Contains(f.limits, CPU) {
			_ = f.set(CPU, g.limits) // it was accepted before; it costs a moment at worst
		}
	}
	return err
}

// isUsedUp tells whether much is still counted to the group although nobody is in it:
// files in a tmpfs, which the kernel cannot take back. The next child would not have
// enough.
func (g *Group) isUsedUp() bool {
	f := g.with(Memory)
	return f != nil && lineOf(f.path, "memory.stat", "shmem") > g.limits.HardBytes/4
}
