package runstate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// folder holds a file for each instance, so that a change costs the same however many there
// are. It is safe for concurrent use.
//
// A change appends a record to the file, and the last whole one counts: a runtime that is
// killed meanwhile loses the change that it was about to make, and nothing else. To replace
// the file each time would be as safe and cost more, most of all on an ext4 without a
// journal: it searches for each new file past all inodes that were freed in the last minutes
// (find_inode_bit in the kernel's fs/ext4/ialloc.c).
type folder struct {
	dir string

	mu        sync.Mutex
	instances map[string]Instance // what they refer to is never changed in place
	sizes     map[string]int      // of the files that this runtime began
}

// maxAppended is how large a file may grow before it begins anew with one record.
const maxAppended = 16 << 10

// maxFile is from which size on a file is none of ours. A single record is larger than
// maxAppended when many exits have many last words.
const maxFile = 64 << 20

// record is a line of a file.
type record struct {
	Version int `json:"version"`
	Instance
}

func newFolder(dir string) *folder {
	return &folder{dir: dir, instances: map[string]Instance{}, sizes: map[string]int{}}
}

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
	data, err := content(file)
	if err != nil {
		return Instance{}, err
	}
	last, err := lastLine(data)
	if err != nil {
		return Instance{}, err
	}
	var r record
	if err := json.Unmarshal(last, &r); err != nil {
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

// content reads a file that can be one of ours. What else has its name may never end, such
// as a pipe or a device, or may not fit into memory.
func content(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it has %d bytes", info.Size())
	}
	return os.ReadFile(path)
}

// lastLine returns the last line that was not cut off.
func lastLine(data []byte) ([]byte, error) {
	end := bytes.LastIndexByte(data, '\n')
	if end < 0 {
		return nil, errors.New("it holds no whole record")
	}
	return data[bytes.LastIndexByte(data[:end], '\n')+1 : end], nil
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

// write adds a record to an instance's file. The caller holds the lock.
func (f *folder) write(instance Instance) error {
	line, err := json.Marshal(record{Version: Version, Instance: instance})
	if err != nil {
		return fmt.Errorf("write the run state: %w", err)
	}
	line = append(line, '\n')
	path := filepath.Join(f.dir, instance.Instance+".json")
	size, begun := f.sizes[path]
	if begun && size+len(line) <= maxAppended {
		err = appendTo(path, line)
	} else {
		size, err = 0, replace(path, line)
	}
	if err != nil {
		delete(f.sizes, path) // the next record shall not follow half of this one
		return fmt.Errorf("write the run state: %w", err)
	}
	f.sizes[path] = size + len(line)
	return nil
}

func appendTo(path string, line []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(line)
	return errors.Join(err, file.Close())
}

func replace(path string, line []byte) error {
	next := path + ".next"
	if err := os.WriteFile(next, line, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
