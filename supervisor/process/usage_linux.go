package process

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Usage is what a process takes of the machine.
type Usage struct {
	RSSBytes   uint64  // resident memory, shared pages counted fully
	PSSBytes   uint64  // resident memory, shared pages divided among their users; 0: not known
	CPUSeconds float64 // user and system time since its start
}

// UsageOf asks the kernel. PSS is costly (proc_pid_smaps_rollup(5) walks the page
// tables), so it is read only when wanted.
func UsageOf(pid int, withPSS bool) (Usage, error) {
	stat, err := readStat(pid)
	if err != nil {
		return Usage{}, err
	}
	usage := Usage{CPUSeconds: float64(stat.cpuTicks) / clockTicks}
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	if fields := strings.Fields(string(statm)); len(fields) > 1 {
		pages, _ := strconv.ParseUint(fields[1], 10, 64)
		usage.RSSBytes = pages * uint64(os.Getpagesize())
	}
	if withPSS {
		usage.PSSBytes = pss(pid)
	}
	return usage, nil
}

func pss(pid int) uint64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			kib, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}
