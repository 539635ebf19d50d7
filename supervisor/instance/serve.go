package instance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/restart"
)

// killBound is how long the kernel may take to end a process after SIGKILL.
const killBound = 5 * time.Second

// keeper is what the goroutine of Serve knows. Nobody else touches it.
type keeper struct {
	*Instance
	now Snapshot

	needs     <-chan struct{} // nil: may start
	current   *run            // whose state this is; nil: no process
	successor *run            // is started beside current, to take over; nil: nobody
	runs      map[*run]bool   // whose process has not ended: these two, and replaced ones that drain
	failures  int             // in a row

	backoff *time.Timer
	health  *time.Timer
	news    chan news
	serving context.Context // done when Serve returns
	helpers sync.WaitGroup
}

// news is what a goroutine found out about a child. News of a child that has ended are
// dropped.
type news struct {
	about *run
	tell  func()
}

// Serve implements suture.Service. When ctx is done the children are killed at once; who
// wants them to drain calls Kill before.
//
// After a panic of its own suture calls it again: the children are killed, and it begins
// anew. Nobody else notices.
func (i *Instance) Serve(ctx context.Context) error {
	serving, cancel := context.WithCancel(context.Background())
	k := &keeper{
		Instance: i, now: i.Snapshot(), needs: i.options.Needs(), runs: map[*run]bool{},
		backoff: stoppedTimer(), health: stoppedTimer(),
		news: make(chan news), serving: serving,
	}
	defer func() {
		k.discardAll()
		cancel()
		k.helpers.Wait()
		if ctx.Err() != nil {
			close(i.done)
		}
	}()
	k.now.Status, k.now.Pid, k.now.Nodes, k.now.Successor = client.StatusStopped, 0, nil, ""
	k.now.Draining = nil
	if k.now.Wanted {
		k.want()
	}
	for {
		select {
		case c := <-i.commands:
			incarnation := k.now.Incarnation
			c.reply <- reply{err: k.obey(c), incarnation: incarnation}
		case <-k.needs:
			k.needs = nil
			if k.now.Status == client.StatusStarting && k.current == nil {
				k.now.Message = ""
				k.execute()
			}
		case n := <-k.news:
			k.hear(n)
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

func (k *keeper) hear(n news) {
	if k.runs[n.about] {
		n.tell()
	}
}

// report hands what a goroutine found out to the keeper's own goroutine.
func (k *keeper) report(about *run, tell func()) {
	select {
	case k.news <- news{about: about, tell: tell}:
	case <-k.serving.Done():
	}
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
	k.options.Observer.Changing(from, k.now)
	k.publish(k.now)
	k.options.Observer.Changed(from, k.now)
}

// obey carries out a command, as far as that needs no waiting.
func (k *keeper) obey(c command) error {
	switch c.kind {
	case runIt:
		k.want()
	case killIt:
		k.unwant(c.within)
	case abortIt:
		k.unwant(0)
		k.killAll()
	case restartIt:
		return k.replace()
	case crashIt:
		if k.current == nil {
			return fmt.Errorf("%s has no process: it is %s", k.now.Name, k.now.Status)
		}
		return k.current.child.Signal(c.signal)
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

func (k *keeper) unwant(within time.Duration) {
	k.now.Wanted = false
	switch {
	case k.now.Status == client.StatusStopped || k.now.Status == client.StatusStopping:
		k.publish(k.now)
	case len(k.runs) == 0:
		k.become(endedStay, "stopped")
	default:
		k.stopAll("stopping", k.graceWithin(within))
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
	r, err := k.launch()
	k.show(r)
	k.current = r
	if err != nil {
		k.end(r)
		k.currentEnded(r, r.notStarted(err))
		return
	}
	k.publish(k.now)
}

// stopAll drains the present child, and ends one that was to take over.
func (k *keeper) stopAll(message string, grace time.Duration) {
	k.dropSuccessor()
	k.become(stop, message)
	if k.current != nil {
		k.drain(k.current, grace)
	}
}

// discardAll ends what a panic or the end of Serve has left.
func (k *keeper) discardAll() {
	k.killAll()
	for r := range k.runs {
		k.helpers.Go(func() {
			select {
			case <-r.child.Done():
				r.child.Wait()
			case <-time.After(killBound):
			}
		})
	}
}

func (k *keeper) killAll() {
	for r := range k.runs {
		r.asked = true
		r.child.Kill()
	}
}

// abandon kills what runs and waits for its end.
func (k *keeper) abandon() {
	k.now.Wanted = false
	if len(k.runs) == 0 {
		return
	}
	k.dropSuccessor()
	if k.now.Status != client.StatusStopping {
		k.become(stop, "killed with the runtime")
	}
	k.killAll()
	expired := time.NewTimer(killBound)
	defer expired.Stop()
	for len(k.runs) > 0 {
		select {
		case n := <-k.news:
			k.hear(n)
		case <-expired.C: // the kernel cannot end it: nothing is left to try
			return
		}
	}
}

// follow enters the state that the decision about the present child's end leads to.
func (k *keeper) follow(decision restart.Decision, why string) {
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
