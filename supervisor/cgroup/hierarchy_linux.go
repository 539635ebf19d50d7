package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// hierarchy is where this process is among the control groups that count memory.
type hierarchy struct {
	files
	mount string // the topmost group that is visible
	own   string // the group of this process
}

// files are the names by which the two versions of control groups call the same things
// (the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
type files struct {
	by     By
	limit  string // of memory, in bytes
	swap   string // what bounds swapping; may be absent
	events string // has a line "oom_kill N"
}

var (
	version1 = files{ByVersion1, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control"}
	version2 = files{ByVersion2, "memory.max", "memory.swap.max", "memory.events"}
)

// swapLimit is written to the file swap. Version 1 limits memory and swap together;
// version 2 limits swap alone, and a process that has used up its memory shall end
// rather than swap.
func (f files) swapLimit(hard uint64) string {
	if f.by == ByVersion2 {
		return "0"
	}
	return strconv.FormatUint(hard, 10)
}

// errNoController means that no control groups count memory here.
var errNoController = errors.New("no control groups with the memory controller are mounted")

// here finds this process's place.
func here() (hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return hierarchy{}, fmt.Errorf("find the control groups: %w", err)
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return hierarchy{}, fmt.Errorf("find the control groups: %w", err)
	}
	return locate(string(mounts), string(groups))
}

// locate reads /proc/self/mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup
// (cgroups(7)). Where both versions are mounted, the memory controller is at version 1
// if that has it.
func locate(mounts, groups string) (hierarchy, error) {
	var path1, path2 string
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) != 3:
		case has(strings.ReplaceAll(fields[1], ",", " "), "memory"):
			path1 = fields[2]
		case fields[0] == "0":
			path2 = fields[2]
		}
	}
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		mount, kind := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(kind) < 3 {
			continue
		}
		h := hierarchy{mount: mount[4]}
		var path string
		switch {
		case path1 != "" && kind[0] == "cgroup" && has(strings.ReplaceAll(kind[2], ",", " "), "memory"):
			h.files, path = version1, path1
		case path1 == "" && path2 != "" && kind[0] == "cgroup2":
			h.files, path = version2, path2
		default:
			continue
		}
		var visible bool
		if h.own, visible = below(h.mount, mount[3], path); visible {
			return h, nil
		}
	}
	return hierarchy{}, errNoController
}

// below returns the folder of the group path, where the group root is mounted at mount.
func below(mount, root, path string) (folder string, visible bool) {
	rest, inside := strings.CutPrefix(path, strings.TrimSuffix(root, "/"))
	if !inside || rest != "" && rest[0] != '/' || strings.Contains(path, "..") {
		return "", false
	}
	return filepath.Join(mount, rest), true
}

// has tells whether a list of words has that one.
func has(list, word string) bool {
	for field := range strings.FieldsSeq(list) {
		if field == word {
			return true
		}
	}
	return false
}

// smallest returns the smallest limit of the own group and those above it that are visible.
func (h hierarchy) smallest() (bytes uint64, limited bool) {
	for folder := h.own; ; folder = filepath.Dir(folder) {
		if n, err := strconv.ParseUint(read(folder, h.limit), 10, 64); err == nil && (!limited || n < bytes) {
			bytes, limited = n, true
		}
		if folder == h.mount || folder == filepath.Dir(folder) {
			return bytes, limited
		}
	}
}

// read returns a file's text, or "".
func read(folder, file string) string {
	data, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// write sets a file of a control group. It never makes one.
func write(folder, file, value string) error {
	f, err := os.OpenFile(filepath.Join(folder, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// LeastMemory returns the smallest limit of memory of this process's group and those above
// it that are visible.
func LeastMemory() (bytes uint64, limited bool) {
	h, err := here()
	if err != nil {
		return 0, false
	}
	return h.smallest()
}
