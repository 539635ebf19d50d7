package instance

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/restart"
)

// killBound is how long the kernel may take to end a process after SIGKILL.
const killBound = 5 * time.Second

// keeper is what the goroutine of Serve knows. Nobody else touches it.
type keeper struct {
	*Instance
	now Snapshot

	needs    <-chan struct{} // nil: may start
	child    *child.Child    // nil: no process
	ended    <-chan struct{} // of child
	asked    bool            // the child was asked to end
	reason   string          // why the supervisor ended the child, if it did
	failures int             // in a row
	run      uint64          // counts children; news of earlier ones are dropped

	backoff *time.Timer
	health  *time.Timer
	news    chan news
	serving context.Context // done when Serve returns
	helpers sync.WaitGroup
}

// news is what a goroutine found out about a child.
type news struct {
	run  uint64
	tell func(*keeper)
}

// Serve implements suture.Service. When ctx is done the child is killed at once; who
// wants it to drain calls Kill before.
func (i *Instance) Serve(ctx context.Context) error {
	defer close(i.done)
	serving, cancel := context.WithCancel(context.Background())
	k := &keeper{
		Instance: i, now: i.Snapshot(), needs: i.options.Needs,
		backoff: stoppedTimer(), health: stoppedTimer(),
		news: make(chan news), serving: serving,
	}
	defer k.helpers.Wait()
	defer cancel()
	if i.options.Autostart {
		k.want()
	}
	for {
		select {
		case c := <-i.commands:
			c.reply <- k.obey(c)
		case <-k.needs:
			k.needs = nil
			if k.now.Status == client.StatusStarting && k.child == nil {
				k.now.Message = ""
				k.execute()
			}
		case <-k.ended:
			k.settle(k.child.Exit())
		case n := <-k.news:
			if n.run == k.run {
				n.tell(k)
			}
		case <-k.backoff.C:
			k.begin()
		case <-k.health.C:
			k.askHealth()
		case <-ctx.Done():
			k.abandon()
			return ctx.Err()
		}
	}
}

func stoppedTimer() *time.Timer {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// become enters the state that follows, and tells.
func (k *keeper) become(in input, message string) {
	from := k.now.Status
	to, err := transition(from, in)
	if err != nil {
		panic(err)
	}
	k.now.Status, k.now.Message = to, message
	if to != client.StatusBackoff {
		k.now.NextStart = time.Time{}
		k.backoff.Stop()
	}
	if to != client.StatusReady && to != client.StatusUnhealthy {
		k.health.Stop()
	}
	k.publish(k.now)
	k.options.Observer.Changed(from, k.now)
}

// obey carries out a command, as far as that needs no waiting.
func (k *keeper) obey(c command) error {
	switch c.kind {
	case runIt:
		k.want()
	case killIt:
		k.unwant()
	case restartIt:
		k.want()
		if k.child != nil && k.now.Status != client.StatusStopping {
			k.asked = true
			k.drain("restart")
		}
	case crashIt:
		if k.child == nil {
			return fmt.Errorf("%s has no process: it is %s", k.now.Name, k.now.Status)
		}
		return k.child.Signal(c.signal)
	}
	return nil
}

func (k *keeper) want() {
	k.now.Wanted = true
	k.failures = 0
	switch k.now.Status {
	case client.StatusStopped, client.StatusBackoff, client.StatusFailed:
		k.begin()
	default:
		k.publish(k.now)
	}
}

func (k *keeper) unwant() {
	k.now.Wanted = false
	switch {
	case k.now.Status == client.StatusStopped || k.now.Status == client.StatusStopping:
		k.publish(k.now)
	case k.child == nil:
		k.become(endedStay, "stopped")
	default:
		k.asked = true
		k.drain("stopping")
	}
}

// begin enters starting, and executes unless there is something to wait for. Why the
// last child failed stays in view until the next one is ready.
func (k *keeper) begin() {
	if k.needs != nil {
		k.become(start, "waits for "+k.options.NeedsText)
		return
	}
	why := ""
	if k.now.Status != client.StatusStopped {
		why = k.now.Message
	}
	k.become(start, why)
	k.execute()
}

// execute starts a child. The state is starting.
func (k *keeper) execute() {
	k.run++
	k.asked, k.reason = false, ""
	incarnation := rand.Text()
	started := time.Now()
	c, err := k.spawn(incarnation)
	if err != nil {
		k.now.Incarnation, k.now.Started = incarnation, started
		k.reason = "cannot be started: " + err.Error()
		k.settle(process.Exit{Code: -1})
		return
	}
	k.child, k.ended = c, c.Done()
	if k.now.Incarnation != "" {
		k.now.Restarts++
	}
	k.now.Pid, k.now.Incarnation, k.now.Started = c.Pid(), incarnation, started
	k.publish(k.now)
	k.options.Observer.Started(k.now.Name, incarnation, c.Identity())
	k.awaitReady(c)
}

func (k *keeper) spawn(incarnation string) (*child.Child, error) {
	if err := k.options.Observer.Starting(k.now.Name, incarnation); err != nil {
		return nil, err
	}
	spec, release, err := k.options.Spec(incarnation)
	if err != nil {
		return nil, err
	}
	defer release()
	k.now.LogOffset = spec.LogOffset
	return child.Start(spec)
}

// awaitReady lets a goroutine wait for the child to be ready.
func (k *keeper) awaitReady(c *child.Child) {
	run, bound := k.run, k.readyTimeout()
	k.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(k.serving, bound)
		defer cancel()
		nodes, err := c.WaitReady(ctx)
		k.report(run, func(k *keeper) {
			switch {
			case k.now.Status != client.StatusStarting: // it drains already
			case err != nil:
				k.reason = fmt.Sprintf("%v, after %s", err, time.Since(k.now.Started).Round(time.Millisecond))
				c.Kill()
			default:
				k.now.Nodes = nodes
				k.become(becameOK, "")
				k.health.Reset(k.options.HealthInterval)
			}
		})
	})
}

func (k *keeper) readyTimeout() time.Duration {
	if k.options.Declaration.ReadyTimeout > 0 {
		return k.options.Declaration.ReadyTimeout
	}
	return plugins.DefaultReadyTimeout
}

// report hands what a goroutine found out to the keeper's own goroutine.
func (k *keeper) report(run uint64, tell func(*keeper)) {
	select {
	case k.news <- news{run: run, tell: tell}:
	case <-k.serving.Done():
	}
}

// askHealth lets a goroutine ask the child how it is.
func (k *keeper) askHealth() {
	run, c, bound := k.run, k.child, k.options.HealthTimeout
	k.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(k.serving, bound)
		defer cancel()
		reply, err := c.Health(ctx)
		k.report(run, func(k *keeper) { k.judge(reply, err) })
	})
}

// judge draws the conclusion of a health call: no answer is worse than a bad one.
func (k *keeper) judge(reply plugins.HealthReply, err error) {
	status := k.now.Status
	if status != client.StatusReady && status != client.StatusUnhealthy {
		return
	}
	switch {
	case err != nil:
		k.reason = fmt.Sprintf("hung: no answer to a health check within %s", k.options.HealthTimeout)
		k.child.Kill()
		return
	case !reply.Healthy && status == client.StatusReady:
		k.become(becameBad, reply.Message)
	case reply.Healthy && status == client.StatusUnhealthy:
		k.become(becameOK, "")
	}
	k.health.Reset(k.options.HealthInterval)
}

// drain asks the child to end, and makes sure that it does.
func (k *keeper) drain(message string) {
	k.become(stop, message)
	c, grace := k.child, k.stopGrace()
	k.helpers.Go(func() { c.Stop(k.serving, grace) })
}

func (k *keeper) stopGrace() time.Duration {
	if k.options.Declaration.StopGrace > 0 {
		return k.options.Declaration.StopGrace
	}
	return plugins.DefaultStopGrace
}

// settle follows the end of a child: it records, decides, and starts over at once when
// that is the decision. Records are written beside the next start, not before it.
func (k *keeper) settle(exit process.Exit) {
	ended, reason := k.now, k.reason
	if exit.Code >= 0 {
		reason = "" // it was not our signal that ended it, so its exit says more
	}
	uptime := time.Since(k.now.Started)
	decision := restart.Decide(restart.Facts{
		Policy:   k.options.Declaration.Restart,
		Wanted:   k.now.Wanted,
		Asked:    k.asked,
		Success:  exit.Code == 0,
		Uptime:   uptime,
		Failures: k.failures,
	}, k.options.Backoff, k.options.Random())
	k.failures = decision.Failures
	record := client.Exit{
		Code: exit.Code, At: time.Now().UTC(), Pid: ended.Pid, Incarnation: ended.Incarnation,
		UptimeSeconds: uptime.Seconds(), Expected: k.asked, Decision: decision.String(),
	}
	if exit.Signal != 0 {
		record.Signal = process.SignalName(exit.Signal)
	}
	c := k.child
	k.child, k.ended = nil, nil
	k.now.Pid, k.now.Nodes = 0, nil
	k.helpers.Go(func() {
		k.options.Observer.Exited(ended, record, reason)
		if c != nil {
			c.Wait()
		}
	})
	k.follow(decision, exit, reason)
}

// follow enters the state that the decision leads to.
func (k *keeper) follow(decision restart.Decision, exit process.Exit, reason string) {
	why := reason
	if why == "" {
		why = exit.String()
	}
	switch decision.Action {
	case restart.Stay:
		k.become(endedStay, "stopped")
	case restart.Now:
		k.become(endedNow, why)
		k.execute()
	case restart.Later:
		k.now.NextStart = time.Now().Add(decision.Delay).UTC()
		k.backoff.Reset(decision.Delay)
		k.become(endedWait, why)
	case restart.Never:
		k.become(endedGood, why)
	}
}

// abandon kills what runs and waits for its end.
func (k *keeper) abandon() {
	k.now.Wanted = false
	if k.child == nil {
		return
	}
	k.asked = true
	if k.now.Status != client.StatusStopping {
		k.become(stop, "killed with the runtime")
	}
	k.child.Kill()
	select {
	case <-k.ended:
		k.settle(k.child.Exit())
	case <-time.After(killBound): // the kernel cannot end it: nothing is left to try
	}
}
