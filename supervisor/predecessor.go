package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/runstate"
)

// predecessorBound is how long the children of a dead predecessor may take to go.
const predecessorBound = 5 * time.Second

// inherit opens the run state and ends the children that a dead predecessor left, and what
// they have started. Only a process that is provably one of them is touched.
func (s *Supervisor) inherit() error {
	state, aside, err := runstate.Open(s.options.Paths.Run)
	if err != nil {
		return err
	}
	for _, message := range aside {
		s.log.Warn(message)
	}
	s.state = state
	s.endLeftBehind(state.Instances())
	return s.clearControlDir()
}

// endLeftBehind ends children first, so that they make nothing new, and records their ends
// last: until then, if this runtime dies, the next one looks for what they had started.
func (s *Supervisor) endLeftBehind(instances []runstate.Instance) {
	var ending sync.WaitGroup
	var variables []string
	var records []func()
	for _, left := range instances {
		for _, child := range left.Children {
			found := find(left, child)
			ending.Go(func() { s.endFound(left.Instance, found) })
			variables = append(variables, plugins.IncarnationVariable(child.Incarnation))
			for _, ended := range found {
				records = append(records, func() { s.recordLeftBehind(left, child, ended) })
			}
		}
	}
	ending.Wait()
	if len(variables) == 0 {
		return
	}
	ended, err := process.EndCarriers(variables, predecessorBound)
	if ended > 0 {
		s.log.Warnf("ended %d processes that children of a dead runtime had started", ended)
	}
	if err != nil {
		s.log.WithError(err).Error("what children of a dead runtime had started is still there")
	}
	for _, record := range records {
		record()
	}
	s.forget(instances)
}

// endFound ends the processes of one child.
func (s *Supervisor) endFound(instance string, found []process.Identity) {
	for _, identity := range found {
		log := s.log.WithFields(logrus.Fields{"instance": instance, "pid": identity.Pid})
		log.Warn("ending a child that a dead runtime left behind")
		if err := identity.KillGroup(predecessorBound); err != nil {
			log.WithError(err).Error("a child of a dead runtime is still there")
		}
	}
}

func (s *Supervisor) forget(instances []runstate.Instance) {
	for _, left := range instances {
		if len(left.Children) == 0 {
			continue
		}
		if err := s.state.Forget(left.Service, left.Instance); err != nil {
			s.log.WithField("instance", left.Instance).WithError(err).Warn("the run state still names it")
		}
	}
}

// recordLeftBehind records the end of a child that a dead runtime left.
func (s *Supervisor) recordLeftBehind(left runstate.Instance, child runstate.Child, ended process.Identity) {
	if ended.Alive() { // and that was told
		return
	}
	now := time.Now().UTC()
	exit := client.Exit{
		Code: -1, Signal: process.SignalName(syscall.SIGKILL), Cause: client.CauseAsked, Expected: true,
		At: now, Pid: ended.Pid, Incarnation: child.Incarnation, UptimeSeconds: now.Sub(child.Started).Seconds(),
		Message: "its runtime was gone", Decision: "the next runtime ended it",
	}
	if err := s.state.AddExit(left.Service, left.Instance, exit); err != nil {
		s.log.WithField("instance", left.Instance).WithError(err).Warn("the exit record is lost")
	}
	s.history.Add(client.Event{
		Kind: client.EventExit, At: now, Service: left.Service, Instance: left.Instance, Incarnation: child.Incarnation,
		Pid: ended.Pid, Message: exit.Message, Exit: &exit,
	})
}

// find returns the process of a recorded child, if it still runs. A runtime that died
// between the start of a child and the record of its process left only the incarnation,
// which stands in the environment that the child was started with; its instance is not in
// that of what it has started.
func find(left runstate.Instance, child runstate.Child) []process.Identity {
	switch {
	case child.Process.Alive():
		return []process.Identity{child.Process}
	case child.Process == process.Identity{} && child.Incarnation != "":
		return process.FindByEnvironment(plugins.IncarnationVariable(child.Incarnation), plugins.InstanceVariable(left.Instance))
	}
	return nil
}

// controlDir is where go-plugin makes its folders. The name is short because of the
// limit on socket paths.
func (s *Supervisor) controlDir() string { return filepath.Join(s.options.Paths.Run, "ctl") }

func (s *Supervisor) clearControlDir() error {
	leftovers, err := filepath.Glob(filepath.Join(s.controlDir(), "plugin-dir*"))
	for _, leftover := range leftovers {
		err = errors.Join(err, os.RemoveAll(leftover))
	}
	if err != nil {
		return fmt.Errorf("prepare the run directory: %w", err)
	}
	return nil
}
