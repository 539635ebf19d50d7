package cgroup

import (
	"fmt"
	"strconv"
)

// setting is a file of a group with the text that makes a limit apply.
type setting struct {
	file, text string
	optional   bool // not every kernel has it
}

// cpuPeriod is the span of time that a limit of CPU is about, in microseconds. It is what
// the kernel begins with (scheduler/sched-bwc.rst).
const cpuPeriod = 100_000

// settings returns what is to be written so that the limit of a controller applies; nothing
// where there is none. The two versions of control groups call the same things by different
// names (the kernel's admin-guide/cgroup-v2.rst; cgroup-v1/memory.rst and pids.rst;
// scheduler/sched-bwc.rst).
func (l Limits) settings(version By, c Controller) []setting {
	bytes := strconv.FormatUint(l.HardBytes, 10)
	switch {
	case c == Memory && l.HardBytes > 0 && version == ByVersion1: // the second limits memory and swap together
		return []setting{{memoryLimit(version), bytes, false}, {"memory.memsw.limit_in_bytes", bytes, true}}
	case c == Memory && l.HardBytes > 0: // who has used up its memory shall end rather than swap
		return []setting{{memoryLimit(version), bytes, false}, {"memory.swap.max", "0", true}}
	case c == Tasks && l.Tasks > 0:
		return []setting{{"pids.max", strconv.Itoa(l.Tasks), false}}
	case c == CPU && l.CPUPercent > 0 && version == ByVersion1:
		return []setting{{"cpu.cfs_quota_us", strconv.Itoa(l.CPUPercent * cpuPeriod / 100), false}}
	case c == CPU && l.CPUPercent > 0:
		return []setting{{"cpu.max", fmt.Sprintf("%d %d", l.CPUPercent*cpuPeriod/100, cpuPeriod), false}}
	}
	return nil
}

// memoryLimit names the file that limits memory, in bytes.
func memoryLimit(version By) string {
	if version == ByVersion2 {
		return "memory.max"
	}
	return "memory.limit_in_bytes"
}

// memoryEvents names the file that has a line "oom_kill N".
func memoryEvents(version By) string {
	if version == ByVersion2 {
		return "memory.events"
	}
	return "memory.oom_control"
}
