// Package restart decides what the end of a child leads to.
//
// It owns the decision and its arithmetic, as a pure function. It leaves the waiting,
// the starting and the counting to its caller.
package restart

import (
	"fmt"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Limits shape the backoff of a service.
type Limits struct {
	First  time.Duration // the delay after the second failure in a row
	Cap    time.Duration // no delay is longer
	Stable time.Duration // a child that ran for so long is forgiven its past
	Jitter float64       // the delay grows by up to this fraction, so that loops do not meet
}

// DefaultLimits restart at once, then after 250 ms, 500 ms, … up to 30 s.
var DefaultLimits = Limits{First: 250 * time.Millisecond, Cap: 30 * time.Second, Stable: 10 * time.Second, Jitter: 0.1}

// Action is what to do next.
type Action int

// The actions.
const (
	Stay  Action = iota // stopped, as it was wanted
	Now                 // start again at once
	Later               // start again after Delay
	Never               // give up: it failed for good
)

// Facts are what is known when a child has ended.
type Facts struct {
	Policy   plugins.RestartPolicy
	Wanted   bool          // somebody wants it to run
	Asked    bool          // the supervisor asked this child to end
	Success  bool          // it exited with code 0
	Uptime   time.Duration // from its start
	Failures int           // in a row, before this one
	// Essential: the rest is of no use without it. When its delay has grown to the cap, it has failed for good.
	Essential bool
}

// Decision is the answer.
type Decision struct {
	Action   Action
	Delay    time.Duration // of Later
	Failures int           // to be remembered for the next time
}

// String says it in words, for exit records.
func (d Decision) String() string {
	switch d.Action {
	case Now:
		return "restarted at once"
	case Later:
		return fmt.Sprintf("restart after %s", d.Delay.Round(time.Millisecond))
	case Never:
		return "not restarted"
	default:
		return "stopped"
	}
}

// Decide says what to do. random is in [0, 1) and spreads the delays.
func Decide(facts Facts, limits Limits, random float64) Decision {
	switch {
	case !facts.Wanted:
		return Decision{Action: Stay}
	case facts.Asked:
		return Decision{Action: Now}
	case facts.Policy == plugins.RestartNever,
		facts.Policy == plugins.RestartOnFailure && facts.Success:
		return Decision{Action: Never}
	}
	failures := facts.Failures
	if facts.Uptime >= limits.Stable {
		failures = 0
	}
	if failures == 0 {
		return Decision{Action: Now, Failures: 1}
	}
	wait := delay(failures, limits, random)
	if facts.Essential && wait >= limits.Cap {
		return Decision{Action: Never}
	}
	return Decision{Action: Later, Delay: wait, Failures: failures + 1}
}

// delay doubles with each failure after the first, up to the cap.
func delay(failures int, limits Limits, random float64) time.Duration {
	d := limits.First
	for n := 1; n < failures && d < limits.Cap; n++ {
		d *= 2
	}
	d = min(d, limits.Cap)
	return d + time.Duration(float64(d)*limits.Jitter*random)
}
