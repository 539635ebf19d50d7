package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/runstate"
)

// predecessorBound is how long the children of a dead predecessor may take to go.
const predecessorBound = 5 * time.Second

// inherit opens the run state and ends the children that a dead predecessor left. Only
// a process that is provably one of them is touched.
func (s *Supervisor) inherit() error {
	state, aside, err := runstate.Open(s.options.Paths.Run)
	if err != nil {
		return err
	}
	for _, message := range aside {
		s.log.Warn(message)
	}
	s.state = state
	var ending sync.WaitGroup
	for _, left := range state.Instances() {
		ending.Go(func() { s.endLeftBehind(left) })
	}
	ending.Wait()
	return s.clearControlDir()
}

// endLeftBehind ends the children of one instance.
func (s *Supervisor) endLeftBehind(left runstate.Instance) {
	log := s.log.WithField("instance", left.Instance)
	for _, child := range left.Children {
		for _, found := range find(child) {
			log.WithField("pid", found.Pid).Warn("ending a child that a dead runtime left behind")
			if err := found.KillGroup(predecessorBound); err != nil {
				log.WithError(err).Error("a child of a dead runtime is still there")
				continue
			}
			s.recordLeftBehind(left, child, found.Pid)
		}
	}
	if len(left.Children) == 0 {
		return
	}
	if err := s.state.Forget(left.Service, left.Instance); err != nil {
		log.WithError(err).Warn("the run state still names it")
	}
}

// recordLeftBehind records the end of a child that a dead runtime left.
func (s *Supervisor) recordLeftBehind(left runstate.Instance, child runstate.Child, pid int) {
	now := time.Now().UTC()
	exit := client.Exit{
		Code: -1, Signal: process.SignalName(syscall.SIGKILL), Cause: client.CauseAsked, Expected: true,
		At: now, Pid: pid, Incarnation: child.Incarnation, UptimeSeconds: now.Sub(child.Started).Seconds(),
		Message: "its runtime was gone", Decision: "the next runtime ended it",
	}
	if err := s.state.AddExit(left.Service, left.Instance, exit); err != nil {
		s.log.WithField("instance", left.Instance).WithError(err).Warn("the exit record is lost")
	}
	s.history.Add(client.Event{
		Kind: client.EventExit, At: now, Service: left.Service, Instance: left.Instance, Incarnation: child.Incarnation,
		Pid: pid, Message: exit.Message, Exit: &exit,
	})
}

// find returns the process of a recorded child, if it still runs. A runtime that died
// between the start of a child and the record of its process left only the incarnation,
// which stands in the environment that the child was started with.
func find(child runstate.Child) []process.Identity {
	switch {
	case child.Process.Alive():
		return []process.Identity{child.Process}
	case child.Process == process.Identity{} && child.Incarnation != "":
		return process.FindByEnvironment(plugins.IncarnationVariable(child.Incarnation))
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
