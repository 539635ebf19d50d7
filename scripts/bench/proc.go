package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of the CPU times in /proc: USER_HZ, which is 100 on every
// architecture that Go runs on (proc(5), time(7)).
const ticksPerSecond = 100

// procStat is what bench needs of /proc/PID/stat (proc_pid_stat(5)).
type procStat struct {
	pid        int
	parent     int
	state      byte
	startTicks uint64 // with the pid, the identity of a process
	cpu        time.Duration
}

func readStat(pid int) (procStat, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	data, err := os.ReadFile(path)
	if err != nil {
		return procStat{}, err
	}
	return parseStat(pid, data)
}

// parseStat reads the fields after the command, which may itself hold spaces and brackets.
func parseStat(pid int, data []byte) (procStat, error) {
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("process %d: unexpected /proc/PID/stat %q", pid, data)
	}
	var numbers [4]uint64
	for i, field := range []int{1, 11, 12, 19} { // ppid, utime, stime, starttime
		number, err := strconv.ParseUint(fields[field], 10, 64)
		if err != nil {
			return procStat{}, fmt.Errorf("process %d: field %d of /proc/PID/stat: %w", pid, field+3, err)
		}
		numbers[i] = number
	}
	return procStat{
		pid:        pid,
		parent:     int(numbers[0]),
		state:      fields[0][0],
		startTicks: numbers[3],
		cpu:        time.Duration(numbers[1]+numbers[2]) * time.Second / ticksPerSecond,
	}, nil
}

// command returns the process's command line without the folder of its program.
func (s procStat) command() string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.pid))
	if err != nil || len(data) == 0 {
		return "gone"
	}
	args := strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
	args[0] = filepath.Base(args[0])
	return strings.Join(args, " ")
}

// familyOf returns the process and all its descendants.
func familyOf(pid int) ([]procStat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]procStat{}
	var family []procStat
	for _, entry := range entries {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := readStat(id)
		if err != nil {
			continue // it ended meanwhile
		}
		if id == pid {
			family = append(family, stat)
		}
		children[stat.parent] = append(children[stat.parent], stat)
	}
	if len(family) == 0 {
		return nil, fmt.Errorf("process %d does not run", pid)
	}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i].pid]...)
	}
	return family, nil
}

// proportionalSetSize returns the memory of a process in bytes, where a page that n
// processes share counts as one nth (proc_pid_smaps(5)).
func proportionalSetSize(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: no Pss in smaps_rollup", pid)
}
