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
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// Version of the file's format.
const Version = 2

// maxExits is how many exit records are kept for each instance.
const maxExits = 20

// Instance is what is recorded of one instance.
type Instance struct {
	Service  string        `json:"service"`
	Instance string        `json:"instance"`
	Children []Child       `json:"children"` // one, and more while one takes over from another
	Exits    []client.Exit `json:"exits"`    // newest first
}

// Child is a process that is started, runs or drains.
type Child struct {
	Incarnation string           `json:"incarnation"` // written before the process is there
	Process     process.Identity `json:"process"`     // zero: it is being started
	Executable  string           `json:"executable"`
	Started     time.Time        `json:"started"`
}

// record is a file.
type record struct {
	Version int `json:"version"`
	Instance
}

// State is the run state of this runtime: a folder with a file for each instance, so
// that a change costs the same however many there are. It is safe for concurrent use.
type State struct {
	dir string

	mu        sync.Mutex
	instances map[string]*Instance
}

// Open reads the state of a predecessor. aside lists what could not be used, and why.
func Open(runDir string) (state *State, aside []string, err error) {
	s := &State{dir: filepath.Join(runDir, "state"), instances: map[string]*Instance{}}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("open the run state: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.json"))
	if err != nil {
		return nil, nil, fmt.Errorf("open the run state: %w", err)
	}
	for _, file := range files {
		instance, problem := read(file)
		if problem != nil {
			kept, err := setAside(file)
			if err != nil {
				return nil, nil, err
			}
			aside = append(aside, fmt.Sprintf("run state %s cannot be used (%v) and was set aside as %s", file, problem, kept))
			continue
		}
		s.instances[instance.Instance] = instance
	}
	return s, aside, nil
}

func read(file string) (*Instance, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	if r.Version != Version {
		return nil, fmt.Errorf("it has version %d, this program knows %d", r.Version, Version)
	}
	if r.Instance.Instance == "" || r.Instance.Instance+".json" != filepath.Base(file) {
		return nil, fmt.Errorf("it is about %q", r.Instance.Instance)
	}
	return &r.Instance, nil
}

func setAside(file string) (string, error) {
	kept := fmt.Sprintf("%s.unusable-%s", file, time.Now().UTC().Format("20060102T150405.000"))
	if err := os.Rename(file, kept); err != nil {
		return "", fmt.Errorf("set the unusable run state aside: %w", err)
	}
	return kept, nil
}

// Instances returns copies of all records.
func (s *State) Instances() []Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	records := make([]Instance, 0, len(s.instances))
	for _, instance := range s.instances {
		record := *instance
		record.Children = slices.Clone(instance.Children) // Started changes them in place
		records = append(records, record)
	}
	return records
}

// Exits returns an instance's exit records, newest first.
func (s *State) Exits(instance string) []client.Exit {
	s.mu.Lock()
	defer s.mu.Unlock()
	if record, ok := s.instances[instance]; ok {
		return append([]client.Exit(nil), record.Exits...)
	}
	return nil
}

// Starting records that a child is about to be started.
func (s *State) Starting(service, instance string, child Child) error {
	return s.update(service, instance, func(record *Instance) {
		record.Children = append(record.Children, child)
	})
}

// Started records the process of a child that was about to be started.
func (s *State) Started(service, instance, incarnation string, identity process.Identity) error {
	return s.update(service, instance, func(record *Instance) {
		for n := range record.Children {
			if record.Children[n].Incarnation == incarnation {
				record.Children[n].Process = identity
			}
		}
	})
}

// AddExit records an exit, and that the child is gone.
func (s *State) AddExit(service, instance string, exit client.Exit) error {
	return s.update(service, instance, func(record *Instance) {
		record.Exits = append([]client.Exit{exit}, record.Exits...)
		record.Exits = record.Exits[:min(len(record.Exits), maxExits)]
		record.Children = slices.DeleteFunc(slices.Clone(record.Children), func(c Child) bool {
			return c.Incarnation == exit.Incarnation
		})
	})
}

// Forget records that an instance has no children.
func (s *State) Forget(service, instance string) error {
	return s.update(service, instance, func(record *Instance) { record.Children = nil })
}

// update changes an instance's record and writes its file.
func (s *State) update(service, instance string, change func(*Instance)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	record, ok := s.instances[instance]
	if !ok {
		record = &Instance{Service: service, Instance: instance}
		s.instances[instance] = record
	}
	change(record)
	return s.write(record)
}

// write replaces an instance's file. The caller holds the lock.
func (s *State) write(instance *Instance) error {
	data, err := json.Marshal(record{Version: Version, Instance: *instance})
	if err != nil {
		return fmt.Errorf("write the run state: %w", err)
	}
	path := filepath.Join(s.dir, instance.Instance+".json")
	next := path + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("write the run state: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write the run state: %w", err)
	}
	return nil
}
