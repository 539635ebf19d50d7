package escape

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func writing() []attempt {
	const group = "write"
	const unwritable = "no such file, permission denied, or read-only"
	write := func(name, expected string, folder func(*Targets) string) attempt {
		return attempt{
			name: name, group: group, expected: expected,
			try:  func(t *Targets) outcome { return writeInto(t, folder(t), name) },
			seen: func(t *Targets) bool { return t.wrote(folder(t), name) },
		}
	}
	all := []attempt{
		{name: "append-other-service", group: group, expected: unwritable, try: appendToOther, seen: otherChanged},
		{name: "delete-other-service", group: group, expected: unwritable, try: deleteOther, seen: otherDeleted},
		{name: "write-planted-link", group: group, expected: unwritable, try: writePlantedLink, seen: func(t *Targets) bool { return t.wrote(t.Dir, "write-planted-link") }},
		{name: "hard-link", group: group, expected: "no such file, or another device", try: hardLink},
		{name: "make-device", group: group, expected: "operation not permitted", try: makeDevice},
		{name: "raw-disk", group: group, expected: unwritable, try: readDisk},
		{name: "make-cgroup", group: group, expected: unwritable, try: makeCgroup, seen: func(t *Targets) bool { return firstExisting(t.cgroupMade()) != "" }},
	}
	for _, place := range writtenPlaces {
		expected := unwritable
		if place.name == "write-tmp" {
			expected += ", or a private folder"
		}
		all = append(all, write(place.name, expected, place.folder))
	}
	return all
}

// writtenPlaces are folders of the outside into which one file each is written.
var writtenPlaces = []struct {
	name   string
	folder func(*Targets) string
}{
	{"write-outside", func(t *Targets) string { return t.Dir }},
	{"write-etc", func(*Targets) string { return "/etc" }},
	{"write-tmp", func(*Targets) string { return "/tmp" }},
	{"write-shm", func(*Targets) string { return "/dev/shm" }},
	{"write-home", func(t *Targets) string { return t.Machine.Home.Path }},
	{"write-run-dir", func(t *Targets) string { return t.Runtime.RunDir }},
	{"write-base-dir", func(t *Targets) string { return t.Runtime.BaseDir }},
	{"write-beside-program", func(t *Targets) string { return filepath.Dir(t.SupervisorPlace) }},
}

// written returns all files that attempts may have written outside the targets' folder.
func (t *Targets) written() []string {
	var paths []string
	for _, place := range writtenPlaces {
		if folder := place.folder(t); folder != "" {
			paths = append(paths, filepath.Join(folder, t.name(place.name)))
		}
	}
	return paths
}

func writeInto(t *Targets, folder, name string) outcome {
	if folder == "" {
		return notApplicable("no such place was named")
	}
	path := filepath.Join(folder, t.name(name))
	return did(os.WriteFile(path, []byte(t.Token), 0o600), "wrote "+path)
}

func (t *Targets) wrote(folder, name string) bool {
	if folder == "" {
		return false
	}
	data, err := os.ReadFile(filepath.Join(folder, t.name(name)))
	return err == nil && string(data) == t.Token
}

const appended = "appended"

func appendToOther(t *Targets) outcome {
	file, err := os.OpenFile(t.path(otherFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return refused(err)
	}
	defer file.Close()
	_, err = file.WriteString(appended)
	return did(err, "changed another service's data")
}

func otherChanged(t *Targets) bool {
	data, err := os.ReadFile(t.path(otherFile))
	return err == nil && strings.Contains(string(data), appended)
}

func deleteOther(t *Targets) outcome {
	return did(os.Remove(t.path(deletableFile)), "deleted another service's data")
}

func otherDeleted(t *Targets) bool { return firstExisting(t.path(deletableFile)) == "" }

func writePlantedLink(t *Targets) outcome {
	if t.Own == "" {
		return notApplicable("the service has no folder in which a link could be planted")
	}
	return writeInto(t, t.linkToFolder(), "write-planted-link")
}

func hardLink(t *Targets) outcome {
	return did(os.Link(t.path(secretFile), "hard-link"), "has a link of its own to the secret")
}

// makeDevice makes a node for the disk, and opens nothing.
func makeDevice(t *Targets) outcome {
	kind, number := uint32(unix.S_IFBLK), t.Machine.DiskNumber
	if number == 0 {
		kind, number = unix.S_IFCHR, unix.Mkdev(1, 1) // /dev/mem
	}
	return did(unix.Mknod("device", kind|0o600, int(number)), "made a device node")
}

func readDisk(t *Targets) outcome {
	if t.Machine.Disk == "" {
		return notApplicable("the targets lie on no block device")
	}
	file, err := os.Open(t.Machine.Disk)
	if err != nil {
		return refused(err)
	}
	file.Close()
	return obtained("opened %s for reading", t.Machine.Disk)
}

func makeCgroup(t *Targets) outcome {
	if t.Machine.Cgroup == "" {
		return notApplicable("no control groups are mounted on this machine")
	}
	return did(os.Mkdir(t.cgroupMade(), 0o700), "made a control group without limits")
}
