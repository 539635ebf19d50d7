package instance

import (
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/restart"
)

// ended follows the end of a process.
func (k *keeper) ended(r *run) {
	delete(k.runs, r)
	k.end(r)
	exit := r.child.Exit()
	switch {
	case r == k.current:
		k.currentEnded(r, exit)
	case r == k.successor:
		k.clearSuccessor()
		k.now.Message = "was not replaced: " + k.options.Observer.Explain(k.endOf(r, exit, goesOn)) + "; " + goesOn
		k.publish(k.now)
		k.record(r, exit, goesOn)
	case r.dropped:
		k.record(r, exit, "not needed any more")
	default:
		k.drained(r)
		k.record(r, exit, "replaced")
	}
	if k.now.Status == client.StatusStopping && len(k.runs) == 0 {
		k.allEnded()
	}
}

// currentEnded decides what the end of the present child leads to, and starts over at
// once when that is the decision. The record is written beside the next start, not before.
func (k *keeper) currentEnded(r *run, exit process.Exit) {
	k.current = nil
	k.now.Pid, k.now.Nodes = 0, nil
	switch {
	case k.now.Status == client.StatusStopping:
		k.publish(k.now) // one that it has replaced may drain for longer
		k.record(r, exit, restart.Decide(restart.Facts{Wanted: k.now.Wanted, Asked: true}, k.options.Backoff, 0).String())
	case k.successor != nil:
		defer k.record(r, exit, "its replacement was starting already") // also after a panic
		k.promote(r.why(exit))
	default:
		decision := k.decide(r, exit)
		defer k.record(r, exit, decision.String()) // also after a panic
		why := r.why(exit)
		if decision.Action == restart.Later || decision.Action == restart.Never {
			why = k.options.Observer.Explain(k.endOf(r, exit, decision.String())) // somebody will want to know
		}
		k.follow(decision, why)
		if k.current != nil { // the next one's lines follow
			r.logTo = k.current.logFrom
		}
	}
}

// decide asks the restart policy.
func (k *keeper) decide(r *run, exit process.Exit) restart.Decision {
	decision := restart.Decide(restart.Facts{
		Policy:   k.options.Declaration.Restart,
		Wanted:   k.now.Wanted,
		Asked:    r.asked,
		Success:  exit.Code == 0,
		Uptime:   time.Since(r.started),
		Failures: k.failures,

		Essential: k.options.Declaration.Essential,
	}, k.options.Backoff, k.options.Random())
	k.failures = decision.Failures
	return decision
}

// allEnded leaves stopping.
func (k *keeper) allEnded() {
	if !k.now.Wanted {
		k.become(endedStay, "stopped")
		return
	}
	k.become(endedNow, "has drained")
	k.execute()
}

// why says in words what ended it. Its own exit says more than a signal of ours.
func (r *run) why(exit process.Exit) string {
	if r.reason == "" || exit.Code >= 0 {
		return exit.String()
	}
	return r.reason
}

// endOf describes the end of a child.
func (k *keeper) endOf(r *run, exit process.Exit, decision string) End {
	end := End{
		Instance: k.now.Name, LogFrom: r.logFrom, LogTo: r.logTo,
		Exit: client.Exit{
			Code: exit.Code, At: r.ended.UTC(), Pid: r.pid(), Incarnation: r.incarnation,
			UptimeSeconds: r.ended.Sub(r.started).Seconds(), Expected: r.asked, Decision: decision,
			Cause: r.causeOf(exit),
		},
	}
	if exit.Signal != 0 {
		end.Exit.Signal = process.SignalName(exit.Signal)
	}
	if exit.Code < 0 {
		end.Reason = r.reason
	}
	return end
}

// record hands the end of a child to the observer, in a goroutine of its own.
func (k *keeper) record(r *run, exit process.Exit, decision string) {
	end := k.endOf(r, exit, decision)
	k.helpers.Go(func() {
		k.options.Observer.Exited(end)
		if r.child != nil {
			r.child.Wait()
		}
	})
}

// causeOf sorts an end into one of few kinds.
func (r *run) causeOf(exit process.Exit) client.Cause {
	switch {
	case r.asked:
		return client.CauseAsked
	case r.cause != "" && exit.Code < 0:
		return r.cause
	case exit.Signal != 0:
		return client.CauseSignal
	default:
		return client.CauseExit
	}
}
