package cgroup

// By says who enforces hard limits.
type By string

// Who can enforce them.
const (
	ByVersion1 By = "cgroup v1"
	ByVersion2 By = "cgroup v2"
	ByNone     By = "none"
)

// Support says whether there are hard limits.
type Support struct {
	By     By
	Reason string // why there are none, in one line
	Remedy string // how to get them, in one line; empty when there is no way
}
