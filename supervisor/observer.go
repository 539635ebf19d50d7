package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
	"github.com/owncloud/ocis-runtime/supervisor/memory"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/runstate"
)

// lastLines is how much of the log an exit record keeps.
const lastLines = 50

// observer carries what happens to a service's instance to the registry, the run
// state, the history and the log.
type observer struct {
	supervisor *Supervisor
	service    *service
	events     sequence
}

// Starting implements instance.Observer: the intent is on disk before the child is.
func (o *observer) Starting(name, incarnation string) error {
	s := o.supervisor
	err := s.state.Starting(o.service.declaration.Name, name, runstate.Child{
		Incarnation: incarnation, Executable: o.service.program.Path, Started: time.Now().UTC(),
	})
	o.warn(err, "a next runtime could not find this child")
	return nil
}

// Started implements instance.Observer.
func (o *observer) Started(name, incarnation string, identity process.Identity) {
	err := o.supervisor.state.Started(o.service.declaration.Name, name, incarnation, identity)
	o.warn(err, "a next runtime could not find this child")
}

// Changing implements instance.Observer.
func (o *observer) Changing(_ client.Status, now instance.Snapshot) {
	o.register(now)
	if now.Status == client.StatusStopped || now.Status == client.StatusFailed {
		o.service.sockets.Release(now.Name)
		o.service.tellStopped()
	}
}

// Changed implements instance.Observer.
func (o *observer) Changed(from client.Status, now instance.Snapshot) {
	o.say(from, now)
	if now.Status == client.StatusReady {
		o.supervisor.options.Recorder.Ready(now.Service, now.Name, now.Incarnation, time.Since(now.Started))
	}
	if now.Status == client.StatusFailed {
		o.failEssential(now)
	}
	o.events.tell(client.Event{
		Kind: client.EventStatus, At: time.Now().UTC(), Service: now.Service, Instance: now.Name, Incarnation: now.Incarnation,
		Pid: now.Pid, Status: now.Status, Message: now.Message,
	})
	o.settle(now.Status) // last, so that who waits for it finds all of the above, the event perhaps a little later
}

// settle lets those start that wait for the service.
func (o *observer) settle(now client.Status) {
	switch now {
	case client.StatusReady:
		o.service.readyOnce.Do(func() { close(o.service.ready) })
	case client.StatusBackoff, client.StatusFailed, client.StatusStopped:
	default:
		return
	}
	o.service.settleOnce.Do(func() { close(o.service.settled) })
}

// register keeps the registry true.
func (o *observer) register(now instance.Snapshot) {
	registrar := o.supervisor.options.Registrar
	switch {
	case registrar == nil:
	case now.Status == client.StatusReady:
		registrar.Enter(now.Name, o.mayAnnounce(now))
	case !listed(now):
		registrar.Remove(now.Name) // without effect when it is out already
	}
}

// mayAnnounce returns the nodes of an instance without those that go by the name of another
// service: with them a child that is taken over would be given what others are told.
func (o *observer) mayAnnounce(now instance.Snapshot) []plugins.Registration {
	return slices.DeleteFunc(slices.Clone(now.Nodes), func(node plugins.Registration) bool {
		_, known := o.supervisor.services[node.Service]
		foreign := known && node.Service != now.Service
		if foreign {
			o.log(now).Warnf("%s announces itself as %s, which is not listed", now.Name, node.Service)
		}
		return foreign
	})
}

// say writes a line to the runtime's log.
func (o *observer) say(from client.Status, now instance.Snapshot) {
	name := o.service.shortName(now.Name)
	switch now.Status {
	case client.StatusReady:
		if from == client.StatusUnhealthy && now.Message == "" {
			o.log(now).Infof("%s is healthy again", name)
			return
		}
		took, more := time.Since(now.Started), ""
		if now.Message != "" {
			more = ", " + now.Message
		}
		o.log(now).WithField("seconds", took.Seconds()).Infof("%s is ready after %s%s", name, took.Round(time.Millisecond), more)
	case client.StatusStopped:
		o.log(now).Infof("%s is stopped", name)
	case client.StatusFailed:
		o.log(now).Errorf("%s failed: %s; it is not restarted", name, now.Message)
	case client.StatusUnhealthy:
		o.log(now).Warnf("%s is unhealthy: %s", name, now.Message)
	case client.StatusBackoff:
		o.log(now).Warnf("%s %s; next start at %s", name, now.Message, now.NextStart.Format(time.RFC3339Nano))
	case client.StatusStarting:
		switch from {
		case client.StatusStopped, client.StatusBackoff:
		case client.StatusStopping: // somebody asked for it
			o.log(now).Infof("%s %s; restarting", name, now.Message)
		default:
			o.log(now).Warnf("%s %s; restarting", name, now.Message)
		}
	}
}

// listed tells whether an instance belongs in the registry: it is ready, or it finishes
// what it has before a restart. What comes meanwhile waits behind its held sockets.
func listed(now instance.Snapshot) bool {
	return now.Status == client.StatusReady || now.Status == client.StatusStopping && now.Wanted && now.Nodes != nil
}

// failEssential ends the runtime when it cannot do without the service.
func (o *observer) failEssential(now instance.Snapshot) {
	if !o.service.declaration.Essential || o.service.status() != client.StatusFailed {
		return
	}
	select {
	case o.supervisor.failed <- &EssentialError{Service: now.Service, Message: now.Message}:
	default: // another one was first
	}
}

// Explain implements instance.Observer. It reads the log, which a restart at once has no time for.
func (o *observer) Explain(end instance.End) string {
	end.Exit.LastLines = logfile.LastWords(o.service.logPath(end.Instance), lastLines, end.LogFrom, end.LogTo)
	return exitMessage(end.Exit, end.Reason)
}

// Ended implements instance.Observer.
func (o *observer) Ended(incarnation string) {
	o.events.ended(incarnation)
	o.supervisor.sandboxes.forget(incarnation)
}

// Exited implements instance.Observer. It runs beside the next start.
func (o *observer) Exited(end instance.End) {
	s, name, exit := o.supervisor, o.service.declaration.Name, end.Exit
	exit.LastLines = logfile.LastWords(o.service.logPath(end.Instance), lastLines, end.LogFrom, end.LogTo)
	exit.Cause = o.causeOf(exit)
	if exit.Cause == client.CauseMemory {
		end.Reason = "out of memory"
	}
	s.options.Recorder.Exited(name, end.Instance, exit)
	exit.Message = exitMessage(exit, end.Reason)
	// Before it is forgotten: if this runtime dies meanwhile, the next one ends what is left.
	o.warn(o.clearAway(end.Instance, exit.Incarnation), "something of an ended child is still there")
	o.warn(s.state.AddExit(name, end.Instance, exit), "the exit record is lost")
	o.events.tellEnd(client.Event{
		Kind: client.EventExit, At: exit.At, Service: name, Instance: end.Instance, Incarnation: exit.Incarnation,
		Pid: exit.Pid, Message: exit.Message, Exit: &exit,
	})
}

// clearBound is how long what a child has left may take to end.
const clearBound = 2 * time.Second

// clearAway ends what a child has left: in its control group, and where there is none, or
// somebody has left it, what carries the child's incarnation.
func (o *observer) clearAway(name, incarnation string) error {
	left := o.supervisor.memory.leave(incarnation)
	ended, err := process.EndDescendants(plugins.IncarnationVariable(incarnation), clearBound)
	if ended > 0 {
		o.supervisor.log.WithField("instance", name).Infof("ended %d processes that its child had left", ended)
	}
	return errors.Join(left, err)
}

// causeOf recognizes an end for want of memory.
func (o *observer) causeOf(exit client.Exit) client.Cause {
	if memory.OutOfMemory(memory.End{
		Killed: exit.Signal == "SIGKILL", Asked: exit.Expected,
		Kills: o.supervisor.memory.kills(exit.Incarnation), LastLines: exit.LastLines,
	}) {
		return client.CauseMemory
	}
	return exit.Cause
}

// HealthAnswered implements instance.Observer.
func (o *observer) HealthAnswered(name string, took time.Duration) {
	o.supervisor.options.Recorder.HealthAnswered(o.service.declaration.Name, name, took)
}

// exitMessage says in one line what happened.
func exitMessage(exit client.Exit, reason string) string {
	message := reason
	if message == "" {
		message = fmt.Sprintf("exited with code %d", exit.Code)
		if exit.Signal != "" {
			message = "killed by " + exit.Signal
		}
	}
	if exit.Expected || exit.Signal == "SIGKILL" && (reason == "" || exit.Cause == client.CauseMemory) {
		return message
	}
	if cause := logfile.Cause(exit.LastLines); cause != "" {
		message += ": " + cause
	}
	return message
}

func (o *observer) warn(err error, consequence string) {
	if err != nil {
		o.supervisor.log.WithField("service", o.service.declaration.Name).WithError(err).Warn(consequence)
	}
}

func (o *observer) log(now instance.Snapshot) *logrus.Entry {
	fields := logrus.Fields{"service": now.Service, "instance": now.Name}
	if now.Pid != 0 {
		fields["pid"] = now.Pid
	}
	return o.supervisor.log.WithFields(fields)
}
