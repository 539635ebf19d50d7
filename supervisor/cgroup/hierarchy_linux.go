package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// hierarchy is where this process is among the control groups that have one controller.
type hierarchy struct {
	version By
	mount   string // the topmost group that is visible
	own     string // the group of this process
}

// here finds this process's place.
func here(c Controller) (hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return hierarchy{}, fmt.Errorf("find the control groups: %w", err)
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return hierarchy{}, fmt.Errorf("find the control groups: %w", err)
	}
	return locate(string(mounts), string(groups), c)
}

// locate reads /proc/self/mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup
// (cgroups(7)). Where both versions are mounted, a controller is at version 1 if that has it.
func locate(mounts, groups string, c Controller) (hierarchy, error) {
	var path1, path2 string
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) != 3:
		case offers(fields[1], c):
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
		case path1 != "" && kind[0] == "cgroup" && offers(kind[2], c):
			h.version, path = ByVersion1, path1
		case path1 == "" && path2 != "" && kind[0] == "cgroup2":
			h.version, path = ByVersion2, path2
		default:
			continue
		}
		var visible bool
		if h.own, visible = below(h.mount, mount[3], path); visible {
			return h, nil
		}
	}
	return hierarchy{}, fmt.Errorf("no control groups with the %s controller are mounted", c)
}

// below returns the folder of the group path, where the group root is mounted at mount.
func below(mount, root, path string) (folder string, visible bool) {
	rest, inside := strings.CutPrefix(path, strings.TrimSuffix(root, "/"))
	if !inside || rest != "" && rest[0] != '/' || strings.Contains(path, "..") {
		return "", false
	}
	return filepath.Join(mount, rest), true
}

// offers tells whether a list, with blanks or commas, has a controller.
func offers(list string, c Controller) bool {
	for field := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		if field == string(c) {
			return true
		}
	}
	return false
}

// leastMemory returns the smallest limit of the own group and those above it that are visible.
func (h hierarchy) leastMemory() (bytes uint64, limited bool) {
	for folder := h.own; ; folder = filepath.Dir(folder) {
		if n, err := strconv.ParseUint(read(folder, memoryLimit(h.version)), 10, 64); err == nil && (!limited || n < bytes) {
			bytes, limited = n, true
		}
		if folder == h.mount || folder == filepath.Dir(folder) {
			return bytes, limited
		}
	}
}

// LeastMemory returns the smallest limit of memory of this process's group and those above
// it that are visible.
func LeastMemory() (bytes uint64, limited bool) {
	h, err := here(Memory)
	if err != nil {
		return 0, false
	}
	return h.leastMemory()
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
