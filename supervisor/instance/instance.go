package instance

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/restart"
)

// Observer is told what happens to an instance, in order and from its own goroutine,
// so it must be quick. Exited is the exception: it is called beside the next start.
type Observer interface {
	// Starting comes before each exec. Its error means that no child is started.
	Starting(name, incarnation string) error
	// Started comes after each exec.
	Started(name, incarnation string, identity process.Identity)
	// Changing comes with each state, and when another child takes over a ready instance,
	// before anybody can see it: who waits for the state finds done what Changing does.
	Changing(from client.Status, now Snapshot)
	// Changed comes when everybody can see it.
	Changed(from client.Status, now Snapshot)
	// Ended comes with each end of a process, or of the attempt to start one, before the state
	// that it leads to.
	Ended(incarnation string)
	// Exited comes after each Ended; it fills in the message and the last lines.
	Exited(end End)
	// Explain says in one line why a child ended that has left no better word.
	Explain(end End) string
	// HealthAnswered comes with each answer to a health check.
	HealthAnswered(name string, took time.Duration)
}

// End is the end of a child.
type End struct {
	Instance string
	Exit     client.Exit
	Reason   string // why the supervisor ended it; empty: it did not
	// The child's lines are in the log from LogFrom to LogTo; the zero one: to the end.
	LogFrom, LogTo logfile.Position
}

// Options make an instance.
type Options struct {
	Name        string // such as "webdav-1"
	Declaration plugins.Declaration
	Autostart   bool // whether it is wanted from the beginning
	// Needs is called by Serve and returns what is closed when a first start may begin; nil: at once.
	Needs     func() <-chan struct{}
	NeedsText string // what it waits for, for people

	// Spec makes what is executed; release is called when the process exists.
	Spec func(incarnation string) (spec child.Spec, release func(), err error)

	// Slots, of all instances, bounds how many children are being started at the same time:
	// more at once are not ready earlier, and each would block a thread.
	Slots chan struct{}

	HealthInterval time.Duration // between two calls; up to a quarter more
	HealthTimeout  time.Duration // without an answer for so long, the child is hung
	Backoff        restart.Limits
	Random         func() float64 // in [0, 1)
	Observer       Observer
}

// Snapshot is what is known of an instance at one moment.
type Snapshot struct {
	Name        string
	Service     string
	Status      client.Status
	Pid         int // 0: no process
	Incarnation string
	Successor   string // the incarnation that is being started to replace the present one
	Restarts    int
	Started     time.Time // of the present process
	Wanted      bool
	Message     string    // why it is in this state
	NextStart   time.Time // in backoff
	Nodes       []plugins.Registration
	Draining    []Process // were replaced, and have not ended; the oldest first
}

// Process is one that was replaced.
type Process struct {
	Pid         int
	Incarnation string
	Started     time.Time
	ReplacedBy  string // the incarnation that took over
}

// Instance is one instance of a service. Its methods are safe for concurrent use; the
// work is done by Serve.
type Instance struct {
	options  Options
	commands chan command
	done     chan struct{} // closed when Serve has returned

	mu       sync.Mutex
	snapshot Snapshot
	changed  chan struct{} // closed and replaced at each change
}

// command is a request to the goroutine of Serve.
type command struct {
	kind   commandKind
	signal syscall.Signal // of crashIt
	within time.Duration  // of killIt: how long it may take; 0: as long as the service's grace
	reply  chan reply     // has room for one
}

// reply is the answer to a command.
type reply struct {
	err         error
	incarnation string // the present one when the command came
}

type commandKind int

const (
	runIt commandKind = iota
	killIt
	restartIt
	crashIt
	abortIt
	pingIt
)

// New returns an instance that does nothing before Serve.
func New(options Options) *Instance {
	return &Instance{
		options:  options,
		commands: make(chan command),
		done:     make(chan struct{}),
		changed:  make(chan struct{}),
		snapshot: Snapshot{
			Name: options.Name, Service: options.Declaration.Name,
			Status: client.StatusStopped, Wanted: options.Autostart,
		},
	}
}

// String names the instance for suture.
func (i *Instance) String() string { return i.options.Name }

// Snapshot returns what is known now.
func (i *Instance) Snapshot() Snapshot {
	snapshot, _ := i.watch()
	return snapshot
}

func (i *Instance) watch() (Snapshot, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.snapshot, i.changed
}

func (i *Instance) publish(snapshot Snapshot) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.snapshot = snapshot
	close(i.changed)
	i.changed = make(chan struct{})
}

// Run makes sure that the instance runs and forgets its failures. It blocks until it
// is ready, has failed to become so, or ctx is done.
func (i *Instance) Run(ctx context.Context) error {
	if _, err := i.send(ctx, command{kind: runIt}); err != nil {
		return err
	}
	return i.awaitReady(ctx, "")
}

// Kill stops the instance, and it stays stopped. It blocks until it is, or ctx is done. A
// deadline of ctx shortens the time that the child has to drain.
func (i *Instance) Kill(ctx context.Context) error {
	c := command{kind: killIt}
	if deadline, ok := ctx.Deadline(); ok {
		c.within = time.Until(deadline)
	}
	return i.stop(ctx, c)
}

// Abort is Kill without draining: what runs is ended at once.
func (i *Instance) Abort(ctx context.Context) error { return i.stop(ctx, command{kind: abortIt}) }

func (i *Instance) stop(ctx context.Context, c command) error {
	if _, err := i.send(ctx, c); err != nil {
		return err
	}
	return i.await(ctx, func(s Snapshot) (bool, error) {
		if s.Wanted {
			return true, fmt.Errorf("%s was started again by somebody else", s.Name)
		}
		return s.Status == client.StatusStopped, nil
	})
}

// Restart replaces the child by a new one, or starts one where there is none. A child
// that may have one beside it serves on until the new one is ready; when that does not
// happen, it stays, and the error says why. Restart blocks until the new child is ready,
// cannot be, or ctx is done.
func (i *Instance) Restart(ctx context.Context) error {
	before, err := i.send(ctx, command{kind: restartIt})
	if err != nil {
		return err
	}
	return i.awaitReady(ctx, before)
}

// Crash sends a signal to the child's process and leaves the rest to the supervisor.
func (i *Instance) Crash(ctx context.Context, signal syscall.Signal) error {
	_, err := i.send(ctx, command{kind: crashIt, signal: signal})
	return err
}

func errGone(name string) error {
	return fmt.Errorf("%s is no longer there: the runtime shuts down, or it was scaled away", name)
}

// send returns the incarnation that the command found.
func (i *Instance) send(ctx context.Context, c command) (incarnation string, err error) {
	c.reply = make(chan reply, 1)
	if ctx.Err() != nil { // the select below might choose to carry out what nobody waits for
		return "", fmt.Errorf("%s did not get the command: %w", i.options.Name, context.Cause(ctx))
	}
	select {
	case i.commands <- c:
		answer := <-c.reply // the loop answers before it does anything else
		return answer.incarnation, answer.err
	case <-i.done:
		return "", errGone(i.options.Name)
	case <-ctx.Done():
		return "", fmt.Errorf("%s did not take the command: %w", i.options.Name, context.Cause(ctx))
	}
}

// awaitReady waits for a ready child of another incarnation than before.
func (i *Instance) awaitReady(ctx context.Context, before string) error {
	return i.await(ctx, func(s Snapshot) (bool, error) {
		switch s.Status {
		case client.StatusReady, client.StatusUnhealthy:
			if s.Incarnation == before && s.Successor == "" {
				return true, fmt.Errorf("%s %s", s.Name, s.Message)
			}
			return s.Incarnation != before && s.Status == client.StatusReady, nil
		case client.StatusBackoff, client.StatusFailed:
			return true, fmt.Errorf("%s did not become ready: %s", s.Name, s.Message)
		case client.StatusStopped:
			return true, fmt.Errorf("%s was stopped by somebody else", s.Name)
		}
		return false, nil
	})
}

func (i *Instance) await(ctx context.Context, finished func(Snapshot) (bool, error)) error {
	for {
		snapshot, changed := i.watch()
		if ok, err := finished(snapshot); ok {
			return err
		}
		select {
		case <-changed:
		case <-i.done:
			if ok, err := finished(i.Snapshot()); ok {
				return err
			}
			return errGone(i.options.Name)
		case <-ctx.Done():
			return fmt.Errorf("%s is still %s: %w", snapshot.Name, snapshot.Status, context.Cause(ctx))
		}
	}
}

// Ping returns nil when the goroutine that keeps the instance takes commands. It changes
// nothing, and says nothing of the child.
func (i *Instance) Ping(ctx context.Context) error {
	_, err := i.send(ctx, command{kind: pingIt})
	return err
}
