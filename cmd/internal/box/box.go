// Package box runs a program in the sandbox of a service, for the commands that show or
// try what it keeps in.
//
// It owns the way into the sandbox without a supervisor (Start): the same plan, stage and
// settings as the service's children have, and a control group of its own; and the suite of
// attempts to get out of one (Try). It leaves to the commands what they show.
package box

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// Program is what is run, and in whose sandbox.
type Program struct {
	Service plugins.Declaration
	Others  []plugins.Declaration // all services, whose secrets are not for this one
	Source  *config.Source
	Binary  string // the main one, which builds the sandbox

	Args  []string // the executable, absolute, and its arguments
	Show  []string // what the sandbox shows beyond the profile, with the right to execute it
	Files []*os.File

	MemoryBytes uint64 // what it may take; 0: no limit
}

// Running is a program in a sandbox.
type Running struct {
	Layers  []client.Layer // around it
	process *process.Process
	folder  string // its control folder
	groups  *cgroup.Groups
}

// buildTimeout bounds the building of a sandbox, which takes milliseconds.
const buildTimeout = 10 * time.Second

// Start returns when the program is being executed. Wait must follow.
func Start(p Program) (*Running, error) {
	paths := p.Source.Paths
	if err := paths.MakeDirs(); err != nil {
		return nil, err
	}
	sandboxed, err := supervisor.NewSandbox(p.Service, paths, p.Binary, p.Binary, p.Source.Excerpt)
	if err != nil {
		return nil, err
	}
	sandboxed.Plan.Grant(sandbox.AccessExecute, p.Show...)
	r := &Running{}
	if r.folder, err = os.MkdirTemp(paths.Run, "box"); err != nil {
		return nil, fmt.Errorf("prepare the sandbox: %w", err)
	}
	r.groups = cgroup.Open(r.folder)
	if err := r.start(p, sandboxed); err != nil {
		r.clear()
		return nil, err
	}
	return r, nil
}

func (r *Running) start(p Program, sandboxed *child.Sandbox) error {
	spec := process.Spec{
		Path: p.Args[0], Args: p.Args, Files: p.Files,
		Env: supervisor.ForSandbox(os.Environ(), p.Service, p.Others, p.Source.Paths),
	}
	group := r.groups.Take(p.Service.Name, supervisor.Limits(p.Service, p.MemoryBytes))
	if group != nil {
		spec.Place = group.Place
	}
	if group == nil || group.Without(cgroup.Memory) != nil {
		sandboxed.Plan.MemoryBytes = p.MemoryBytes
	}
	spec, entry, err := sandboxed.Enter(spec, r.folder)
	if err != nil {
		return err
	}
	defer entry.Close()
	r.process, err = process.Start(spec)
	entry.Started()
	if err != nil {
		return err
	}
	if r.Layers, err = entry.Report(buildTimeout); err != nil {
		_ = r.process.SignalGroup(syscall.SIGKILL)
		<-r.process.Done()
	}
	return err
}

// Wait returns how the program ended. When ctx is done, it is killed.
func (r *Running) Wait(ctx context.Context) process.Exit {
	select {
	case <-r.process.Done():
	case <-ctx.Done():
		_ = r.process.SignalGroup(syscall.SIGKILL) // gone is as good
		<-r.process.Done()
	}
	r.clear()
	return r.process.Exit()
}

func (r *Running) clear() {
	r.groups.Close()
	os.RemoveAll(r.folder)
}

// Signal passes a signal on to the program and what it started.
func (r *Running) Signal(signal syscall.Signal) { _ = r.process.SignalGroup(signal) }
