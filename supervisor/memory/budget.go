package memory

import (
	"math"
	"strconv"
	"strings"
)

const (
	// Floor is the least hard limit. A service takes 5 MiB while it is idle, and one that
	// hashes four passwords at the same time 80 MiB.
	Floor = 128 << 20
	// Least is the smallest budget that makes sense.
	Least = 2 * Floor
	// supervisorWeight is the share that the supervisor keeps for itself.
	supervisorWeight = 1
	// softPart of the hard limit is the soft one. The rest is for what Go's limit does not
	// count: the program's text, kernel memory, and a collector that comes too late.
	softNumerator, softDenominator = 4, 5
)

// Claim is what one service wants of a budget.
type Claim struct {
	Service   string
	Weight    int // in comparison with the others; less than 1 means 1
	Instances int
}

func (c Claim) weight() uint64 { return uint64(max(c.Weight, 1)) }

// Share is what one process may take. 0 means no limit.
type Share struct {
	SoftBytes uint64
	HardBytes uint64
}

// Budget is a split one.
type Budget struct {
	Supervisor Share            // its hard limit is not enforced: who would restart it?
	Instances  map[string]Share // of each instance of a service
	// MissingBytes is how much the total is too small for all to have Floor. They have it
	// all the same.
	MissingBytes uint64
}

// party is a group of processes with equal shares, while a budget is split.
type party struct {
	weight, count, share uint64
	floored              bool
}

// Split divides total bytes by weight. Nobody gets less than Floor; what that costs is
// taken from those that have more.
func Split(total uint64, claims []Claim) Budget {
	parties := []*party{{weight: supervisorWeight, count: 1}}
	for _, claim := range claims {
		parties = append(parties, &party{weight: claim.weight(), count: uint64(max(claim.Instances, 0))})
	}
	for divide(total, parties) {
		continue // somebody was lifted to the floor: the others get less
	}
	budget := Budget{Supervisor: share(parties[0].share), Instances: make(map[string]Share, len(claims))}
	sum := parties[0].share
	for i, claim := range claims {
		budget.Instances[claim.Service] = share(parties[i+1].share)
		sum += parties[i+1].share * parties[i+1].count
	}
	if sum > total {
		budget.MissingBytes = sum - total
	}
	return budget
}

// divide gives what the floored ones leave to the others, by weight. It returns true
// when that was too little for somebody, who is floored now.
func divide(total uint64, parties []*party) (again bool) {
	var weights, floored uint64
	for _, p := range parties {
		if p.floored {
			floored += p.count * Floor
		} else {
			weights += p.count * p.weight
		}
	}
	left := total - min(floored, total)
	for _, p := range parties {
		if p.floored {
			continue
		}
		p.share = left / max(weights, 1) * p.weight
		if p.share < Floor {
			p.share, p.floored, again = Floor, true, true
		}
	}
	return again
}

func share(hard uint64) Share {
	return Share{SoftBytes: hard / softDenominator * softNumerator, HardBytes: hard}
}

// goLimit is the variable that Go's runtime reads (package runtime, "GOMEMLIMIT").
const goLimit = "GOMEMLIMIT"

// Chosen is s as the environment of the child wants it: a GOMEMLIMIT that is set there
// wins, and the hard limit makes room for it.
func (s Share) Chosen(environ []string) Share {
	soft, set := chosenLimit(environ)
	if !set {
		return s
	}
	s.SoftBytes = soft
	if room := soft / softNumerator * softDenominator; room > s.HardBytes {
		s.HardBytes = room
	}
	return s
}

// Environ returns the variable that tells a child its soft limit; nothing when there is
// none, or when environ has its own already.
func (s Share) Environ(environ []string) []string {
	if _, set := chosenLimit(environ); set || s.SoftBytes == 0 {
		return nil
	}
	return []string{goLimit + "=" + strconv.FormatUint(s.SoftBytes, 10)}
}

// chosenLimit reads GOMEMLIMIT as Go does; 0 stands for "off", and for what Go refuses.
func chosenLimit(environ []string) (bytes uint64, set bool) {
	for _, variable := range environ {
		if value, is := strings.CutPrefix(variable, goLimit+"="); is { // the first one counts, as in package runtime
			return parseGoLimit(value), value != ""
		}
	}
	return 0, false
}

func parseGoLimit(text string) uint64 {
	factor := uint64(1)
	text = strings.TrimSuffix(text, "B")
	for power, unit := range []string{"Ki", "Mi", "Gi", "Ti"} {
		if digits, is := strings.CutSuffix(text, unit); is {
			text, factor = digits, 1<<(10*(power+1))
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > math.MaxInt64/2/factor { // so much is no limit
		return 0
	}
	return n * factor
}
