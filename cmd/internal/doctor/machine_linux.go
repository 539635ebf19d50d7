package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
)

// Free space below which uploads would soon be refused.
const (
	littleSpace = 1 << 30
	noSpace     = 64 << 20
)

// space checks the disk that the data goes to.
func space(base string) Finding {
	for {
		var stat unix.Statfs_t
		err := unix.Statfs(base, &stat)
		if err != nil && base != filepath.Dir(base) {
			base = filepath.Dir(base)
			continue
		}
		if err != nil {
			return Finding{"disk space", Warn, err.Error(), "look whether the disk is mounted"}
		}
		free := stat.Bavail * uint64(stat.Bsize)
		found := print.Bytes(free) + " free"
		switch {
		case free < noSpace:
			return Finding{"disk space", Fail, found, "make room: nothing could be written"}
		case free < littleSpace:
			return Finding{"disk space", Warn, found, "make room: uploads will soon be refused"}
		}
		return Finding{"disk space", OK, found, ""}
	}
}

// fewDescriptors is what a busy proxy needs at least.
const fewDescriptors = 4096

func descriptors() Finding {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return Finding{"descriptors", Warn, err.Error(), ""}
	}
	found := fmt.Sprintf("%d, at most %d", limit.Cur, limit.Max)
	if limit.Max < fewDescriptors { // Go raises the soft limit itself
		return Finding{"descriptors", Warn, found, fmt.Sprintf("raise the hard limit: ulimit -Hn %d", fewDescriptors)}
	}
	return Finding{"descriptors", OK, found, ""}
}

// kernel looks for features that are used where they are there.
func kernel() []Finding {
	return []Finding{pidfd(), landlock(), namespaces()}
}

func pidfd() Finding {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return Finding{"pidfd", Warn, err.Error(), "Linux 5.3 or later: each child costs a thread without it"}
	}
	unix.Close(fd)
	return Finding{"pidfd", OK, "available", ""}
}

func landlock() Finding {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return Finding{"Landlock", Warn, "not available: " + errno.Error(), "needed for isolation only: boot with lsm=landlock,…"}
	}
	return Finding{"Landlock", OK, fmt.Sprintf("ABI %d", abi), ""}
}

func namespaces() Finding {
	limit, err := os.ReadFile("/proc/sys/user/max_user_namespaces")
	if err != nil || strings.TrimSpace(string(limit)) == "0" {
		return Finding{"user namespaces", Warn, "switched off", "needed for isolation only: sysctl user.max_user_namespaces"}
	}
	return Finding{"user namespaces", OK, "available", ""}
}
