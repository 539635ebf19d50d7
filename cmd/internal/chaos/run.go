package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

const (
	// Patience bounds the wait for a service that is not ready at its turn, and at the end
	// for all that were hit. It is longer than the longest backoff of the default settings.
	Patience = 45 * time.Second
	// callTimeout bounds a call of the control API.
	callTimeout = 10 * time.Second
)

// Run is one run on one runtime.
type Run struct {
	Runtime   *client.Client
	Plan      Plan
	Questions []Question // at least one
	// Tell is called with each hit when it is known what became of it, never twice at the
	// same time.
	Tell func(Recovery)
}

// running is what the parts of a run share.
type running struct {
	*Run
	watch *watch
	tally *tally
	began time.Time
}

// errRuntimeEnded is the cause of the end of a run whose runtime has gone.
var errRuntimeEnded = errors.New("the runtime ended during the run: see what it said")

// Do makes the run. When ctx ends, nothing more is hit, and the run ends in order; when
// cut ends, it waits for nothing any more. The report is of what was done so far, also with
// an error.
func (r *Run) Do(ctx, cut context.Context) (Report, error) {
	last, err := r.lastEvent(cut)
	if err != nil {
		return Report{}, err
	}
	tally := newTally()
	now := &running{Run: r, tally: tally, watch: newWatch(tally, r.Tell), began: time.Now()}
	cut, fail := context.WithCancelCause(cut)
	defer fail(nil)

	following, unfollow := context.WithCancel(cut)
	probing, endProbing := context.WithCancel(cut)
	var helpers sync.WaitGroup
	helpers.Go(func() {
		err := r.Runtime.Events(following, last, true, func(event client.Event) error {
			now.watch.event(event)
			return nil
		})
		if following.Err() == nil {
			fail(errors.Join(errRuntimeEnded, err))
		}
	})
	asked := make(chan struct{})
	helpers.Go(func() {
		defer close(asked)
		newProber(r.Questions).probe(probing, cut, tally.add)
	})

	now.hitAll(ctx, cut)
	now.awaitAll(cut)
	now.wake()
	pause(cut, aftermath)
	endProbing()
	<-asked
	notReady := now.notReady()
	unfollow()
	helpers.Wait()
	return now.report(notReady), runtimeEnd(cut)
}

// runtimeEnd returns the error of a run that its user did not cut.
func runtimeEnd(cut context.Context) error {
	if err := context.Cause(cut); errors.Is(err, errRuntimeEnded) {
		return err
	}
	return nil
}

// lastEvent returns the number of the runtime's last event: older ones are not news.
func (r *Run) lastEvent(ctx context.Context) (last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = r.Runtime.Events(ctx, 0, false, func(event client.Event) error {
		last = event.Sequence
		return nil
	})
	return last, err
}

// hitAll follows the schedule until it, or the time of the plan, or ctx ends.
func (r *running) hitAll(ctx, cut context.Context) {
	ctx, cancel := context.WithDeadline(ctx, r.began.Add(r.Plan.For))
	defer cancel()
	defer context.AfterFunc(cut, cancel)()
	for _, hit := range r.Plan.Schedule() {
		if !pause(ctx, time.Until(r.began.Add(time.Duration(hit.After)))) {
			return
		}
		r.hit(ctx, hit)
	}
}

// pause waits; false: ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// hit waits until the instance whose turn it is is ready, and hits it.
func (r *running) hit(ctx context.Context, hit Hit) {
	bound, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		awaited, changed := r.watch.awaited()
		instances, err := r.list(bound)
		if err != nil {
			r.watch.skip(hit, "not hit: "+err.Error())
			return
		}
		instance, obstacle := target(instances, awaited, hit)
		if obstacle == "" {
			r.strike(ctx, hit, instance)
			return
		}
		select {
		case <-changed:
		case <-bound.Done():
			r.watch.skip(hit, "not hit: "+obstacle)
			return
		}
	}
}

// target returns the instance that a hit means, or what stands in the way: it must be
// ready, and back from the hit before.
func target(instances []client.Instance, awaited map[string]*Recovery, hit Hit) (instance client.Instance, obstacle string) {
	instances = slices.DeleteFunc(slices.Clone(instances), func(i client.Instance) bool { return i.Service != hit.Service })
	if len(instances) == 0 {
		return client.Instance{}, hit.Service + " is gone"
	}
	slices.SortFunc(instances, byName)
	chosen := instances[hit.Draw%uint64(len(instances))]
	switch {
	case awaited[chosen.Instance] != nil:
		return chosen, fmt.Sprintf("%s had not come back from hit %d", chosen.Instance, awaited[chosen.Instance].Number)
	case chosen.Status != client.StatusReady:
		return chosen, fmt.Sprintf("%s was %s", chosen.Instance, chosen.Status)
	}
	return chosen, ""
}

// byName sorts "webdav-2" before "webdav-10".
func byName(a, b client.Instance) int {
	if len(a.Instance) != len(b.Instance) {
		return len(a.Instance) - len(b.Instance)
	}
	if a.Instance < b.Instance {
		return -1
	}
	return 1
}

// strike sends the signal. The end of ctx does not cut it short: a hit is made or not.
func (r *running) strike(ctx context.Context, hit Hit, instance client.Instance) {
	recovery := r.watch.expect(hit, instance)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if _, err := r.Runtime.Crash(ctx, instance.Instance, hit.Signal); err != nil {
		r.watch.giveUp(recovery, "could not be hit: "+err.Error())
	}
}

func (r *running) list(ctx context.Context) ([]client.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	instances, err := r.Runtime.List(ctx)
	return present(instances), err
}

// awaitAll waits until everything that was hit is ready again, at most Patience.
func (r *running) awaitAll(cut context.Context) {
	bound, cancel := context.WithTimeout(cut, Patience)
	defer cancel()
	for {
		awaited, changed := r.watch.awaited()
		if len(awaited) == 0 && len(r.notReady()) == 0 {
			return
		}
		select {
		case <-changed:
		case <-bound.Done():
			return
		}
	}
}

// wake gives up what has not come back, and lets the stopped ones go on: nothing stays
// stopped behind a run.
func (r *running) wake() {
	awaited, _ := r.watch.awaited()
	for _, recovery := range awaited {
		problem := fmt.Sprintf("not ready again after %s", time.Since(recovery.At).Round(time.Second))
		if recovery.Signal == "SIGSTOP" {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			_, err := r.Runtime.Crash(ctx, recovery.Instance, "SIGCONT")
			cancel()
			problem = fmt.Sprintf("not replaced within %s, and continued", time.Since(recovery.At).Round(time.Second))
			if err != nil {
				problem = fmt.Sprintf("process %d is left stopped: %v", recovery.Pid, err)
			}
		}
		r.watch.giveUp(recovery, problem)
	}
}

// notReady says of each instance that was hit, and is not ready, what it is.
func (r *running) notReady() []string {
	_, hit := r.watch.everything()
	if len(hit) == 0 {
		return nil
	}
	instances, err := r.list(context.Background())
	if err != nil {
		return []string{"what was hit cannot be looked at: " + err.Error()}
	}
	var problems []string
	for _, i := range instances {
		if hit[i.Service] && i.Status != client.StatusReady {
			problems = append(problems, describe(i))
		}
	}
	return problems
}

func describe(i client.Instance) string {
	text := fmt.Sprintf("%s is %s", i.Instance, i.Status)
	if i.Message != "" {
		text += ": " + i.Message
	}
	return text
}
