package memory

// By says who enforces hard limits.
type By string

// Who can enforce them.
const (
	ByCgroup1 By = "cgroup v1"
	ByCgroup2 By = "cgroup v2"
	ByNone    By = "none"
)

// Support says whether there are hard limits.
type Support struct {
	By     By
	Reason string // why there are none, in one line
	Remedy string // how to get them, in one line; empty when there is no way
}

// Limit is a number of bytes with its origin.
type Limit struct {
	Bytes uint64
	From  string // for people: "the machine's memory", "the limit of its cgroup"
}

// Default returns the budget that is used when none was set: 90 % of what may be taken.
// The rest is for everybody else.
func (l Limit) Default() Limit { return Limit{Bytes: l.Bytes / 10 * 9, From: "90 % of " + l.From} }
