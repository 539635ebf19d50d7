package supervisor

import (
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
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
}

// Starting implements instance.Observer: the intent is on disk before the child is.
func (o *observer) Starting(name, incarnation string) error {
	s := o.supervisor
	err := s.state.Update(o.service.declaration.Name, name, func(record *runstate.Instance) {
		record.Incarnation = incarnation
		record.Process = process.Identity{}
		record.Executable = s.options.Executable
		record.Started = time.Now().UTC()
	})
	o.warn(err, "a next runtime could not find this child")
	return nil
}

// Started implements instance.Observer.
func (o *observer) Started(name, incarnation string, identity process.Identity) {
	err := o.supervisor.state.Update(o.service.declaration.Name, name, func(record *runstate.Instance) {
		record.Process = identity
	})
	o.warn(err, "a next runtime could not find this child")
}

// Changed implements instance.Observer.
func (o *observer) Changed(from client.Status, now instance.Snapshot) {
	s := o.supervisor
	if from == client.StatusReady && s.options.Registrar != nil {
		s.options.Registrar.Remove(now.Name)
	}
	switch now.Status {
	case client.StatusReady:
		if s.options.Registrar != nil {
			s.options.Registrar.Enter(now.Name, now.Nodes)
		}
		took := time.Since(now.Started)
		o.log(now).WithField("seconds", took.Seconds()).Infof("%s is ready after %s", now.Service, took.Round(time.Millisecond))
	case client.StatusStopped:
		o.service.sockets.Release()
		o.log(now).Infof("%s is stopped", now.Service)
	case client.StatusFailed:
		o.service.sockets.Release()
		o.log(now).Errorf("%s failed: %s; it is not restarted", now.Service, now.Message)
		o.failEssential(now)
	case client.StatusUnhealthy:
		o.log(now).Warnf("%s is unhealthy: %s", now.Service, now.Message)
	case client.StatusBackoff:
		o.log(now).Warnf("%s %s; next start at %s", now.Service, now.Message, now.NextStart.Format(time.RFC3339Nano))
	case client.StatusStarting:
		if from != client.StatusStopped && from != client.StatusBackoff {
			o.log(now).Warnf("%s %s; restarting", now.Service, now.Message)
		}
	}
	s.history.Add(client.Event{
		Kind: client.EventStatus, Service: now.Service, Instance: now.Name, Incarnation: now.Incarnation,
		Pid: now.Pid, Status: now.Status, Message: now.Message,
	})
	if now.Status == client.StatusReady { // last, so that who waits for it finds all of the above
		o.service.readyOnce.Do(func() { close(o.service.ready) })
	}
}

// failEssential ends the runtime when it cannot do without the service.
func (o *observer) failEssential(now instance.Snapshot) {
	if !o.service.declaration.Essential {
		return
	}
	select {
	case o.supervisor.failed <- &EssentialError{Service: now.Service, Message: now.Message}:
	default: // another one was first
	}
}

// Exited implements instance.Observer. It runs beside the next start.
func (o *observer) Exited(now instance.Snapshot, exit client.Exit, reason string) {
	s := o.supervisor
	path := s.options.Paths.Log(now.Service)
	exit.LastLines = logfile.Tail(path, lastLines, now.LogOffset)
	exit.Message = exitMessage(exit, reason)
	o.warn(s.state.AddExit(now.Service, now.Name, exit), "the exit record is lost")
	s.history.Add(client.Event{
		Kind: client.EventExit, Service: now.Service, Instance: now.Name, Incarnation: now.Incarnation,
		Pid: now.Pid, Message: exit.Message, Exit: &exit,
	})
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
	if exit.Expected || exit.Signal == "SIGKILL" && reason == "" {
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
	return o.supervisor.log.WithFields(logrus.Fields{"service": now.Service, "instance": now.Name, "pid": now.Pid})
}
