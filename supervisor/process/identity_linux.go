package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// clockTicks is USER_HZ, which Linux fixes at 100 for all architectures that Go knows.
const clockTicks = 100

// bootID is the same until the machine is booted again (proc_sys_kernel(5)).
var bootID = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
})

// Identify returns the identity of the process that has this pid now.
func Identify(pid int) (Identity, error) {
	stat, err := readStat(pid)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Pid: pid, Start: stat.start, Boot: bootID()}, nil
}

// stat is what is used of proc_pid_stat(5).
type stat struct {
	parent   int    // field 4
	flags    uint64 // field 9
	cpuTicks uint64 // fields 14 and 15
	start    uint64 // field 22
	// Fields 50 and 51: where its environment is; 0: there is none now, or it is not for us.
	environStart, environEnd uint64
}

// isKernelThread looks at PF_KTHREAD of the kernel's sched.h.
func (s stat) isKernelThread() bool { return s.flags&0x00200000 != 0 }

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return parseStat(data)
}

// parseStat reads from behind the last parenthesis, because field 2, the program's
// name, may hold spaces and parentheses.
func parseStat(data []byte) (stat, error) {
	errFormat := errors.New("unexpected format of /proc/PID/stat")
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return stat{}, errFormat
	}
	fields := strings.Fields(string(data[end+1:])) // the first is field 3
	if len(fields) < 49 {
		return stat{}, errFormat
	}
	numbers := make([]uint64, 0, 7)
	for _, field := range []int{4, 9, 14, 15, 22, 50, 51} {
		n, err := strconv.ParseUint(fields[field-3], 10, 64)
		if err != nil {
			return stat{}, errFormat
		}
		numbers = append(numbers, n)
	}
	return stat{
		parent: int(numbers[0]), flags: numbers[1], cpuTicks: numbers[2] + numbers[3], start: numbers[4],
		environStart: numbers[5], environEnd: numbers[6],
	}, nil
}

// waitGone waits on a pidfd, since the process is not our child.
func (i Identity) waitGone(bound time.Duration) error {
	pidfd, err := unix.PidfdOpen(i.Pid, 0)
	if err != nil {
		return nil // it is gone already
	}
	defer unix.Close(pidfd)
	if !i.Alive() {
		return nil
	}
	ended, err := awaitEnd(pidfd, time.Now().Add(bound))
	if err == nil && !ended {
		return fmt.Errorf("process %d did not end within %s of SIGKILL", i.Pid, bound)
	}
	return err
}

// awaitEnd waits until a process has ended, with all of its threads.
func awaitEnd(pidfd int, expires time.Time) (ended bool, err error) {
	for {
		left := max(0, time.Until(expires).Milliseconds())
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(left))
		if errors.Is(err, unix.EINTR) { // any signal does that (signal(7)), such as the SIGCHLD of a child
			continue
		}
		return n > 0, err
	}
}
