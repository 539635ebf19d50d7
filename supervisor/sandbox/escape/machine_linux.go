package escape

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Files of the machine that attempts look for.
const (
	passwordFile = "/etc/passwd"
	shadowFile   = "/etc/shadow"
	kernelCore   = "/proc/kcore"
	kernelNames  = "/proc/kallsyms"
	kernelLog    = "/dev/kmsg"
	memoryDevice = "/dev/mem"
	sysrqTrigger = "/proc/sysrq-trigger"
	shell        = "/bin/sh"
)

// lookAround notes what the outside of the sandbox looks like. What cannot be found out
// stays empty, and the attempts that need it are not applicable.
func (t *Targets) lookAround() error {
	m := &t.Machine
	for _, path := range []string{passwordFile, shadowFile, kernelCore, kernelNames, kernelLog, memoryDevice, sysrqTrigger, shell} {
		if _, err := os.Stat(path); err == nil {
			m.Existing = append(m.Existing, path)
		}
	}
	m.Hashes = map[string]string{}
	for _, path := range []string{passwordFile, shadowFile} {
		if hash, err := hashOf(path); err == nil {
			m.Hashes[path] = hash
		}
	}
	m.Environment, _ = hashOf("/proc/self/environ")
	m.Root, _ = placeOf("/")
	if home, err := os.UserHomeDir(); err == nil {
		m.Home, _ = placeOf(home)
	}
	m.Hostname, _ = os.Hostname()
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	m.CorePattern = strings.TrimSpace(string(pattern))
	m.Sysctl = firstExisting("/proc/sys/vm/swappiness", "/proc/sys/vm/dirty_ratio")
	m.Sysfs = firstExisting("/sys/module/printk/parameters/time", "/sys/kernel/profiling", "/sys/kernel/mm/ksm/run")
	if namespace, err := placeOf("/proc/self/ns/pid"); err == nil {
		m.PidNamespace = namespace.Inode
	}
	m.MemoryAvailable = memoryAvailable()
	m.findCgroup()
	m.findInterfaces()
	m.findDisk(t.Dir)
	var err error
	if t.SupervisorPlace, err = os.Executable(); err != nil {
		return fmt.Errorf("find the own program: %w", err)
	}
	return nil
}

func (m Machine) has(path string) bool { return slices.Contains(m.Existing, path) }

func hashOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func placeOf(path string) (Place, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Place{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return Place{Path: path, Device: uint64(stat.Dev), Inode: stat.Ino}, nil
}

func firstExisting(paths ...string) string {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func memoryAvailable() uint64 {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(info)) {
		var kib uint64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// findCgroup finds a hierarchy in which a group can be made by who may write there.
func (m *Machine) findCgroup() {
	switch {
	case firstExisting("/sys/fs/cgroup/cgroup.procs") != "":
		m.Cgroup = "/sys/fs/cgroup"
	case firstExisting("/sys/fs/cgroup/pids/cgroup.procs") != "":
		m.Cgroup = "/sys/fs/cgroup/pids"
	}
}

func (t *Targets) cgroupMade() string { return filepath.Join(t.Machine.Cgroup, t.name("group")) }

func (m *Machine) findInterfaces() {
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 {
			m.Interfaces = append(m.Interfaces, i.Name)
		}
	}
}

// findDisk finds the block device that a folder lies on: sysfs names it by its number.
func (m *Machine) findDisk(dir string) {
	place, err := placeOf(dir)
	if err != nil {
		return
	}
	uevent, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/uevent", unix.Major(place.Device), unix.Minor(place.Device)))
	if err != nil {
		return // no block device, such as a tmpfs
	}
	for line := range strings.Lines(string(uevent)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); ok {
			m.Disk, m.DiskNumber = "/dev/"+name, place.Device
		}
	}
}
