package cgroup

// Limits bound what a child and its descendants take together. 0 means no limit.
type Limits struct {
	HardBytes  uint64 // of memory; above, the kernel kills
	Tasks      int    // processes and threads; above, none can be started
	CPUPercent int    // of one processor; above, they wait
}

// Controller is what the kernel limits, by the kernel's name.
type Controller string

// The controllers that are used.
const (
	Memory Controller = "memory"
	Tasks  Controller = "pids"
	CPU    Controller = "cpu"
)

// By says who enforces limits.
type By string

// Who can enforce them.
const (
	ByVersion1 By = "cgroup v1"
	ByVersion2 By = "cgroup v2"
	ByNone     By = "none"
)

// Support says whether there are limits of one kind.
type Support struct {
	By     By
	Reason string // why there are none, in one line
	Remedy string // how to get them, in one line; empty when there is no way
}
