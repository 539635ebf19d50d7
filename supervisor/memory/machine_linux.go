package memory

import (
	"fmt"
	"os"

	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
)

// Machine returns what this process and its descendants may take: the machine's memory,
// or the limit of a control group it is in where that is less.
func Machine() (Limit, error) {
	limit := Limit{From: "the machine's memory"}
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Limit{}, fmt.Errorf("find the machine's memory: %w", err)
	}
	if _, err := fmt.Sscanf(string(info), "MemTotal: %d kB", &limit.Bytes); err != nil {
		return Limit{}, fmt.Errorf("find the machine's memory: %w", err)
	}
	limit.Bytes <<= 10
	if bytes, limited := cgroup.LeastMemory(); limited && bytes < limit.Bytes {
		limit = Limit{Bytes: bytes, From: "the limit of its control group"}
	}
	return limit, nil
}
