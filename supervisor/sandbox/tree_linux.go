package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// showFiles replaces the file tree by one that has only what the plan names, on a small
// file system in memory.
func (s *stage) showFiles() (string, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", fmt.Errorf("part from the machine's mounts: %w", err)
	}
	base := s.plan.Base
	if err := mountMemory(base, "size=1m,nr_inodes=4096,mode=0755"); err != nil {
		return "", err
	}
	if err := s.makeTmp(base); err != nil {
		return "", err
	}
	for _, mount := range s.plan.Mounts {
		if err := mount.below(base); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(filepath.Join(base, s.plan.Dir), 0o755); err != nil {
		return "", err
	}
	s.noProc = mountProc(base)
	if err := enter(base); err != nil {
		return "", err
	}
	if err := os.Chdir(s.plan.Dir); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files and folders of the machine, %d MiB in /tmp", len(s.plan.Mounts), s.plan.Limits.TmpBytes>>20), nil
}

func mountMemory(path, options string) error {
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options); err != nil {
		return fmt.Errorf("mount a file system at %s: %w", path, err)
	}
	return nil
}

func (s *stage) makeTmp(base string) error {
	tmp := filepath.Join(base, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	return mountMemory(tmp, fmt.Sprintf("size=%d,nr_inodes=%d,mode=1777", s.plan.Limits.TmpBytes, 16384))
}

// below mounts what is at m.Path on the machine at the same path in the tree at base.
func (m Mount) below(base string) error {
	target := filepath.Join(base, m.Path)
	if err := m.makeTarget(target); err != nil {
		return fmt.Errorf("make a place for %s: %w", m.Path, err)
	}
	if err := unix.Mount(m.Path, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show %s: %w", m.Path, err)
	}
	attributes := unix.MountAttr{Attr_set: m.attributes()}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attributes); err != nil {
		return fmt.Errorf("restrict %s: %w", m.Path, err)
	}
	return nil
}

// makeTarget makes the file or folder that is mounted over.
func (m Mount) makeTarget(target string) error {
	info, err := os.Stat(m.Path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(target); err == nil { // below something that is mounted
		return nil
	}
	if info.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	file, err := os.Create(target)
	if err != nil {
		return err
	}
	return file.Close()
}

// attributes are those of mount_setattr(2).
func (m Mount) attributes() uint64 {
	attributes := uint64(unix.MOUNT_ATTR_NOSUID)
	if m.Access != AccessExecute {
		attributes |= unix.MOUNT_ATTR_NOEXEC
	}
	if m.Access != AccessDevice {
		attributes |= unix.MOUNT_ATTR_NODEV
	}
	if m.Access != AccessWrite && m.Access != AccessDevice {
		attributes |= unix.MOUNT_ATTR_RDONLY
	}
	return attributes
}

// enter makes base the root, lets go of the old one (pivot_root(2),
// "pivot_root(".", ".")"), and closes the new one.
func enter(base string) error {
	if err := os.Chdir(base); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("enter the file tree: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the machine's file tree: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	// Nothing is written outside of what the plan names.
	const closed = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("", "/", "", closed, ""); err != nil {
		return fmt.Errorf("close the file tree: %w", err)
	}
	return nil
}

// mountProc mounts a /proc that has the sandbox's processes and nothing of the kernel
// (proc(5), subset=pid). The kernel allows that only while the machine's own /proc can be
// seen.
func mountProc(base string) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY
	proc := filepath.Join(base, "proc")
	if err := os.Mkdir(proc, 0o555); err != nil {
		return err
	}
	if err := unix.Mount("proc", proc, "proc", flags, "subset=pid"); err != nil {
		return fmt.Errorf("it cannot be mounted (%w), so there is none, which hides as much", err)
	}
	return nil
}

// showProcesses tells what became of /proc.
func (s *stage) showProcesses() (string, error) {
	if !s.has(LayerFiles) {
		return "", errors.New("there is no file tree of its own")
	}
	return "its own processes only, and nothing of the kernel", s.noProc
}

// readable says what of /proc the program can look at.
func (s *stage) readable() []string {
	if s.has(LayerProc) {
		return []string{"/proc"}
	}
	return nil
}

// isFolder tells it of what a mount shows; Landlock rules for files name other rights.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
