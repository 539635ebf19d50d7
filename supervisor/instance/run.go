package instance

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// run is one incarnation: a child with what its keeper knows of it.
type run struct {
	incarnation string
	started     time.Time
	child       *child.Child     // nil: it could not be started
	logFrom     logfile.Position // where its lines begin in the log
	logTo       logfile.Position // where they end; the zero one: at the end of the log
	asked       bool             // it was asked to end
	dropped     bool             // it was to take over, and is not needed any more
	ended       time.Time
	cause       client.Cause // of its end, when the supervisor ended it
	reason      string       // the same in words
}

// notStarted notes why there is no child.
func (r *run) notStarted(err error) process.Exit {
	r.cause, r.reason = client.CauseNotStarted, "cannot be started: "+err.Error()
	return process.Exit{Code: -1}
}

// kill ends a child for a reason.
func (r *run) kill(cause client.Cause, reason string) {
	r.cause, r.reason = cause, reason
	r.child.Kill()
}

// endsWithin waits for the child's end.
func (r *run) endsWithin(bound time.Duration) bool {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-r.child.Done():
		return true
	case <-timer.C:
		return false
	}
}

func (r *run) pid() int {
	if r.child == nil {
		return 0
	}
	return r.child.Pid()
}

// launch starts a child and lets goroutines watch it. After an error there is no child.
func (k *keeper) launch() (*run, error) {
	k.options.Slots <- struct{}{} // bounded by the starts of others, which take milliseconds
	defer func() { <-k.options.Slots }()
	r := &run{incarnation: rand.Text(), started: time.Now()}
	if err := k.options.Observer.Starting(k.now.Name, r.incarnation); err != nil {
		return r, err
	}
	spec, release, err := k.options.Spec(r.incarnation)
	if err != nil {
		return r, err
	}
	defer release()
	r.logFrom = spec.LogFrom
	if r.child, err = child.Start(spec); err != nil {
		return r, err
	}
	k.runs[r] = true
	k.awaitEnd(r)
	k.awaitReady(r)
	k.options.Observer.Started(k.now.Name, r.incarnation, r.child.Identity())
	return r, nil
}

// end notes that a run is over. record must follow.
func (k *keeper) end(r *run) {
	r.ended = time.Now()
	k.options.Observer.Ended(r.incarnation)
}

// show makes a run the one that others see.
func (k *keeper) show(r *run) {
	if k.now.Incarnation != "" && r.child != nil {
		k.now.Restarts++
	}
	k.now.Pid, k.now.Incarnation, k.now.Started = r.pid(), r.incarnation, r.started
}

func (k *keeper) awaitEnd(r *run) {
	k.helpers.Go(func() {
		<-r.child.Done() // bounded by the child's life, which ends with Serve
		k.report(r, func() { k.ended(r) })
	})
}

// awaitReady lets goroutines wait for the child to be ready, and see to it that it does not
// hang meanwhile.
func (k *keeper) awaitReady(r *run) {
	ctx, cancel := context.WithTimeout(k.serving, k.readyTimeout())
	k.helpers.Go(func() {
		defer cancel()
		nodes, err := r.child.WaitReady(ctx)
		if err != nil && ctx.Err() == nil && r.endsWithin(k.options.HealthTimeout) {
			return // it ended, and that is told by itself
		}
		k.report(r, func() { k.readyOrNot(r, nodes, err) })
	})
	k.helpers.Go(func() { k.watchLife(ctx, r, "while it started") })
}

// watchLife asks a child that is starting or draining whether it lives, until ctx is done. Any
// answer is life. How long the handshake may take, on a machine where hundreds start, is
// bounded by the child's StartTimeout.
func (k *keeper) watchLife(ctx context.Context, r *run, when string) {
	select {
	case <-r.child.Greeted():
	case <-ctx.Done():
		return
	}
	for {
		select {
		case <-time.After(k.options.HealthInterval):
		case <-ctx.Done():
			return
		}
		asking, cancel := context.WithTimeout(ctx, k.options.HealthTimeout)
		_, err := r.child.Health(asking)
		late := err != nil && asking.Err() != nil
		cancel()
		if late && ctx.Err() == nil {
			k.report(r, func() { r.kill(client.CauseHung, k.hung(when)) })
			return
		}
	}
}

// hung says what is wrong with a child that does not answer.
func (k *keeper) hung(when string) string {
	return fmt.Sprintf("hung: no answer to a health check within %s %s", k.options.HealthTimeout, when)
}

func (k *keeper) readyTimeout() time.Duration {
	if k.options.Declaration.ReadyTimeout > 0 {
		return k.options.Declaration.ReadyTimeout
	}
	return plugins.DefaultReadyTimeout
}

// readyOrNot follows the outcome of a start.
func (k *keeper) readyOrNot(r *run, nodes []plugins.Registration, err error) {
	starting := r == k.current && k.now.Status == client.StatusStarting
	switch {
	case !starting && r != k.successor: // it drains already
	case err != nil:
		r.kill(client.CauseNotReady, fmt.Sprintf("%v, after %s", err, time.Since(r.started).Round(time.Millisecond)))
	case starting:
		k.now.Nodes = nodes
		k.become(becameOK, "")
		k.scheduleHealth()
	default:
		k.takeOver(nodes)
	}
}

// askHealth lets a goroutine ask the present child how it is.
func (k *keeper) askHealth() {
	r, bound := k.current, k.options.HealthTimeout
	k.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(k.serving, bound)
		defer cancel()
		asked := time.Now()
		reply, err := r.child.Health(ctx)
		took := time.Since(asked)
		if err != nil && ctx.Err() == nil && r.endsWithin(bound) {
			return // the connection broke because the child ended, and that is told by itself
		}
		k.report(r, func() { k.judge(r, reply, took, err) })
	})
}

// healthBuckets is in how many moments of an interval health checks are made. Those of all
// instances that fall into the same moment wake the supervisor once. With hundreds of
// instances 8 moments would cost it a third more than 4.
const healthBuckets = 4

// scheduleHealth sets when the present child is asked next.
func (k *keeper) scheduleHealth() {
	k.health.Reset(nextCheck(time.Since(epoch), k.options.HealthInterval))
}

// epoch is what the moments of all instances are counted from.
var epoch = time.Now()

// nextCheck returns the time from now to the first of the common moments that is at least an
// interval away.
func nextCheck(now, interval time.Duration) time.Duration {
	bucket := max(interval/healthBuckets, 1)
	earliest := now + interval
	return (earliest+bucket-1)/bucket*bucket - now
}

// judge draws the conclusion of a health call: no answer is worse than a bad one.
func (k *keeper) judge(r *run, reply plugins.HealthReply, took time.Duration, err error) {
	status := k.now.Status
	if r != k.current || status != client.StatusReady && status != client.StatusUnhealthy {
		return
	}
	if err != nil {
		r.kill(client.CauseHung, k.hung(fmt.Sprintf("(%v)", err)))
		return
	}
	k.options.Observer.HealthAnswered(k.now.Name, took)
	switch {
	case reply.Draining && !k.options.Declaration.Singleton:
		k.letGo(r)
		return
	case !reply.Healthy && status == client.StatusReady:
		k.become(becameBad, reply.Message)
	case reply.Healthy && status == client.StatusUnhealthy:
		k.become(becameOK, "")
	}
	k.scheduleHealth()
}

// drain asks a child to end within grace, and makes sure that it does.
func (k *keeper) drain(r *run, grace time.Duration) {
	r.asked = true
	ctx, cancel := context.WithCancel(k.serving)
	k.helpers.Go(func() {
		defer cancel()
		r.child.Stop(k.serving, grace)
	})
	k.helpers.Go(func() { k.watchLife(ctx, r, "while it drained") })
}

func (k *keeper) stopGrace() time.Duration {
	if k.options.Declaration.StopGrace > 0 {
		return k.options.Declaration.StopGrace
	}
	return plugins.DefaultStopGrace
}

// drainShare is the part of a limited time that the child has: the rest is for the end of a
// child that does not use it.
const drainShare = 0.8

// graceWithin is the grace that fits into a limited time; 0: there is no limit.
func (k *keeper) graceWithin(limit time.Duration) time.Duration {
	if limit == 0 {
		return k.stopGrace()
	}
	return min(k.stopGrace(), time.Duration(drainShare*float64(limit)))
}
