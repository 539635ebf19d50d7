package sandbox

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// What Landlock lets do with a folder, by Access. A file has those that make sense for one.
const (
	mayRead    = ll.AccessFSReadFile | ll.AccessFSReadDir
	mayExecute = mayRead | ll.AccessFSExecute
	mayWrite   = mayRead | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile |
		ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym | ll.AccessFSRefer
	mayConnect = ll.AccessFSReadDir | ll.AccessFSResolveUnix
	mayUse     = ll.AccessFSReadFile | ll.AccessFSWriteFile

	ofFiles = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSExecute
)

var rights = map[Access]landlock.AccessFSSet{
	AccessRead: mayRead, AccessExecute: mayExecute, AccessWrite: mayWrite, AccessConnect: mayConnect, AccessDevice: mayUse,
}

// leastABI is the first that lets files be moved between folders (landlock(7), ABI 2).
const leastABI = 2

// restrict makes the kernel check each access against the plan once more, independently of
// the file tree.
func (s *stage) restrict() (string, error) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return "", fmt.Errorf("the kernel does not have it: %w", err)
	}
	if abi < leastABI {
		return "", fmt.Errorf("the kernel has version %d of it, %d is needed", abi, leastABI)
	}
	rules := s.rules()
	config := landlock.V11
	if s.plan.Network {
		config.HandledAccessNet = 0
	}
	fd, flags, err := config.BestEffort().NewRulesetFD(rules...)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := ll.LandlockRestrictSelf(fd, flags); err != nil {
		return "", fmt.Errorf("restrict the process: %w", err)
	}
	return fmt.Sprintf("version %d: %s", abi, s.covered(abi)), nil
}

func (s *stage) rules() []landlock.Rule {
	var rules []landlock.Rule
	grant := func(access Access, path string) {
		set := rights[access]
		if !isFolder(path) {
			set &= ofFiles
		}
		rules = append(rules, landlock.PathAccess(set, path))
	}
	for _, mount := range s.plan.Mounts {
		grant(mount.Access, mount.Path)
	}
	if s.has(LayerFiles) {
		grant(AccessWrite, "/tmp")
	}
	for _, path := range s.readable() {
		grant(AccessRead, path)
	}
	return rules
}

// covered says what a version of Landlock knows (landlock(7)).
func (s *stage) covered(abi int) string {
	covered := "files"
	if abi >= 4 && !s.plan.Network {
		covered += ", TCP"
	}
	if abi >= 6 {
		covered += ", signals, abstract sockets"
	}
	if abi >= 9 {
		covered += ", unix sockets"
	}
	if abi >= 10 && !s.plan.Network {
		covered += ", UDP"
	}
	return covered
}
