// Package runstate keeps on disk which children a runtime has, so that the next runtime
// on the same run directory can deal with what a dead one left behind.
//
// It owns the files and their format. A file that cannot be used (cut off, of another
// boot, of a later version) is set aside with a message; it is never a reason not to
// start, and never a reason to touch a process.
//
// It does not sync to disk: after a loss of power there are no processes to find, and
// another boot id makes the file stale. Exit records are part of it and may then be lost.
package runstate

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// Version of the files' format.
const Version = 3

// maxExits is how many exit records are kept for each instance.
const maxExits = 20

// Instance is what is recorded of one instance.
type Instance struct {
	Service  string        `json:"service"`
	Instance string        `json:"instance"`
	Children []Child       `json:"children,omitempty"` // one, and more while one takes over from another
	Exits    []client.Exit `json:"exits,omitempty"`    // newest first
}

// Child is a process that is started, runs or drains.
type Child struct {
	Incarnation string           `json:"incarnation"` // written before the process is there
	Process     process.Identity `json:"process"`     // zero: it is being started
	Executable  string           `json:"executable"`
	Started     time.Time        `json:"started"`
}

// State is the run state of this runtime. It is safe for concurrent use.
type State struct {
	children *folder // small files, for the way from one child to the next
	exits    *folder // large ones, which nobody waits for
}

// Open reads the state of a predecessor. aside lists what could not be used, and why.
func Open(runDir string) (state *State, aside []string, err error) {
	state = &State{children: newFolder(filepath.Join(runDir, "state")), exits: newFolder(filepath.Join(runDir, "exits"))}
	for _, f := range []*folder{state.children, state.exits} {
		unusable, err := f.read()
		if err != nil {
			return nil, nil, fmt.Errorf("open the run state: %w", err)
		}
		aside = append(aside, unusable...)
	}
	return state, aside, nil
}

// Instances returns copies of all records.
func (s *State) Instances() []Instance { return s.children.all() }

// Exits returns an instance's exit records, newest first.
func (s *State) Exits(instance string) []client.Exit { return s.exits.get(instance).Exits }

// Starting records that a child is about to be started.
func (s *State) Starting(service, instance string, child Child) error {
	return s.children.update(service, instance, func(record *Instance) {
		record.Children = append(slices.Clone(record.Children), child)
	})
}

// Started records the process of a child that was about to be started.
func (s *State) Started(service, instance, incarnation string, identity process.Identity) error {
	return s.children.update(service, instance, func(record *Instance) {
		record.Children = slices.Clone(record.Children)
		for n := range record.Children {
			if record.Children[n].Incarnation == incarnation {
				record.Children[n].Process = identity
			}
		}
	})
}

// AddExit records an exit, and that the child is gone.
func (s *State) AddExit(service, instance string, exit client.Exit) error {
	gone := s.children.update(service, instance, func(record *Instance) {
		record.Children = slices.DeleteFunc(slices.Clone(record.Children), func(c Child) bool {
			return c.Incarnation == exit.Incarnation
		})
	})
	added := s.exits.update(service, instance, func(record *Instance) {
		record.Exits = append([]client.Exit{exit}, record.Exits...)
		record.Exits = record.Exits[:min(len(record.Exits), maxExits)]
	})
	return errors.Join(gone, added)
}

// Forget records that an instance has no children.
func (s *State) Forget(service, instance string) error {
	return s.children.update(service, instance, func(record *Instance) { record.Children = nil })
}
