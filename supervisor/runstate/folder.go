package runstate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// folder holds a file for each instance, so that a change costs the same however many there
// are. It is safe for concurrent use.
type folder struct {
	dir string

	mu        sync.Mutex
	instances map[string]Instance // what they refer to is never changed in place
}

// record is a file.
type record struct {
	Version int `json:"version"`
	Instance
}

func newFolder(dir string) *folder { return &folder{dir: dir, instances: map[string]Instance{}} }

// read takes over what is there. unusable lists what was set aside, and why.
func (f *folder) read() (unusable []string, err error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(f.dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		instance, problem := read(file)
		if problem == nil {
			f.instances[instance.Instance] = instance
			continue
		}
		kept, err := setAside(file)
		if err != nil {
			return nil, err
		}
		unusable = append(unusable, fmt.Sprintf("run state %s cannot be used (%v) and was set aside as %s", file, problem, kept))
	}
	return unusable, nil
}

func read(file string) (Instance, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Instance{}, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return Instance{}, err
	}
	if r.Version != Version {
		return Instance{}, fmt.Errorf("it has version %d, this program knows %d", r.Version, Version)
	}
	if r.Instance.Instance == "" || r.Instance.Instance+".json" != filepath.Base(file) {
		return Instance{}, fmt.Errorf("it is about %q", r.Instance.Instance)
	}
	return r.Instance, nil
}

func setAside(file string) (string, error) {
	kept := fmt.Sprintf("%s.unusable-%s", file, time.Now().UTC().Format("20060102T150405.000"))
	if err := os.Rename(file, kept); err != nil {
		return "", fmt.Errorf("set the unusable run state aside: %w", err)
	}
	return kept, nil
}

func (f *folder) all() []Instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	records := make([]Instance, 0, len(f.instances))
	for _, instance := range f.instances {
		records = append(records, instance)
	}
	return records
}

func (f *folder) get(instance string) Instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.instances[instance]
}

// update changes an instance's record and writes its file.
func (f *folder) update(service, instance string, change func(*Instance)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	record := f.instances[instance]
	record.Service, record.Instance = service, instance
	change(&record)
	f.instances[instance] = record
	return f.write(record)
}

// write replaces an instance's file. The caller holds the lock.
func (f *folder) write(instance Instance) error {
	data, err := json.Marshal(record{Version: Version, Instance: instance})
	if err != nil {
		return fmt.Errorf("write the run state: %w", err)
	}
	path := filepath.Join(f.dir, instance.Instance+".json")
	next := path + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("write the run state: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write the run state: %w", err)
	}
	return nil
}
