package memory

// Limit is a number of bytes with its origin.
type Limit struct {
	Bytes uint64
	From  string // for people: "the machine's memory", "the limit of its cgroup"
}

// Default returns the budget that is used when none was set: 90 % of what may be taken.
// The rest is for everybody else.
func (l Limit) Default() Limit { return Limit{Bytes: l.Bytes / 10 * 9, From: "90 % of " + l.From} }
