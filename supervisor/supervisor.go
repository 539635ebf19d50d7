package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/thejerf/suture/v4"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/graph"
	"github.com/owncloud/ocis-runtime/supervisor/history"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/program"
	"github.com/owncloud/ocis-runtime/supervisor/runlock"
	"github.com/owncloud/ocis-runtime/supervisor/runstate"
)

// Registrar is told which instances are ready, and where, and which services will not come
// by themselves.
type Registrar interface {
	Enter(instance string, nodes []plugins.Registration)
	Remove(instance string)
	SetStopped(service string, stopped bool)
}

// Options make a supervisor.
type Options struct {
	Paths        config.Paths
	Settings     Settings
	Declarations []plugins.Declaration
	// Programs are what the services' children execute, by the service's name.
	Programs   map[string]program.Program
	Executable string // the main binary, absolute, which builds the sandboxes
	// Excerpt returns an ocis.yaml with only the named sections and keys, for a child that is
	// isolated; see config.Source.Excerpt.
	Excerpt   func(names []string) ([]byte, error)
	Environ   []string // of the children
	Registrar Registrar
	Recorder  *metrics.Recorder // counts what happens; nil: nobody will ask
	Log       *logrus.Logger
	Node      string // the name of this machine
}

// EssentialError is returned by Serve when an essential service has failed for good.
type EssentialError struct {
	Service string
	Message string
}

// Error implements error.
func (e *EssentialError) Error() string {
	return fmt.Sprintf("essential service %s failed: %s; see `ocis logs %s`", e.Service, e.Message, e.Service)
}

// Supervisor keeps services running. Its methods are safe for concurrent use; most
// need Serve to run.
type Supervisor struct {
	options   Options
	log       *logrus.Entry
	graph     *graph.Graph
	services  map[string]*service // by name; never changed after New
	state     *runstate.State     // set by Serve before anything runs
	history   *history.Log
	memory    *budget // set by Serve before anything runs
	sandboxes sandboxes
	programs  *program.Store

	slots    chan struct{} // of children that are being started
	serving  chan struct{} // closed when commands are taken
	ready    chan struct{} // closed when the whole run set was ready
	settled  chan struct{} // closed when all of it was, or has failed to become so
	stopping chan struct{} // closed when the ordered stop begins
	failed   chan error    // has room for one: the failure of an essential service
	abort    context.CancelFunc
	aborted  context.Context
	started  time.Time
	watchers sync.WaitGroup
}

// startsAtOnce bounds how many children are being started at the same time.
const startsAtOnce = 4

// New checks the declarations and the settings. It changes nothing on the machine.
func New(options Options) (*Supervisor, error) {
	if options.Recorder == nil {
		options.Recorder = metrics.NewRecorder()
	}
	declarations, err := options.Settings.apply(options.Declarations)
	if err != nil {
		return nil, err
	}
	needs := make(map[string][]string, len(declarations))
	for name, declaration := range declarations {
		needs[name] = declaration.Needs
	}
	g, err := graph.New(needs)
	if err != nil {
		return nil, err
	}
	wanted, err := options.Settings.runSet(g.Names())
	if err != nil {
		return nil, err
	}
	s := &Supervisor{
		options: options, log: logrus.NewEntry(options.Log), graph: g, programs: program.NewStore(filepath.Join(options.Paths.Run, "programs")),
		services: make(map[string]*service, len(declarations)), history: history.New(),
		slots:   make(chan struct{}, startsAtOnce),
		serving: make(chan struct{}), ready: make(chan struct{}), settled: make(chan struct{}), stopping: make(chan struct{}), failed: make(chan error, 1),
	}
	s.aborted, s.abort = context.WithCancel(context.Background())
	for name, declaration := range declarations {
		if s.services[name], err = newService(s, declaration, wanted[name]); err != nil {
			return nil, err
		}
	}
	replicas, err := options.Settings.replicas(declarations)
	if err != nil {
		return nil, err
	}
	for name, svc := range s.services {
		for range replicas[name] {
			svc.add(svc.wanted)
		}
	}
	return s, nil
}

// neededFrom returns what a service waits for: of its needs those that are in the run
// set, since the others would never come.
func (s *Supervisor) neededFrom(svc *service) []string {
	var needs []string
	for _, name := range s.graph.Needs(svc.declaration.Name) {
		if s.services[name].wanted {
			needs = append(needs, name)
		}
	}
	return needs
}

// allSettled returns a channel that is closed when all of them were ready once, or have had
// their chance: one that cannot start must not take those with it that can do without for a
// time, and can say so. nil: there is nothing to wait for.
func (s *Supervisor) allSettled(names []string) <-chan struct{} {
	if len(names) == 0 {
		return nil
	}
	all := make(chan struct{})
	s.watchers.Go(func() {
		for _, name := range names {
			select {
			case <-s.services[name].settled:
			case <-s.aborted.Done():
				return
			}
		}
		close(all)
	})
	return all
}

// Ready is closed when every service of the run set was ready.
func (s *Supervisor) Ready() <-chan struct{} { return s.ready }

// Settled is closed when every service of the run set was ready, or has failed to become so.
func (s *Supervisor) Settled() <-chan struct{} { return s.settled }

// Abort ends everything at once: what runs is killed.
func (s *Supervisor) Abort() { s.abort() }

// Serve runs everything until ctx is done, then stops it in order, within the stop
// bound. It returns nil after that; before, it returns errors of the start (nothing is
// left running) and *EssentialError. It can be called once.
//
// open is called when the run directory is known to be this runtime's alone, before
// any child starts; what it returns is called when the last child has ended. It may be nil.
func (s *Supervisor) Serve(ctx context.Context, open func() (close func(), err error)) error {
	defer s.watchers.Wait()
	defer s.abort()
	s.started = time.Now()
	lock, err := s.prepare()
	if err != nil {
		return err
	}
	defer lock.Release()
	defer func() { _ = s.programs.Clear() }() // the next runtime does it otherwise
	defer s.memory.groups.Close()
	var spares sync.WaitGroup
	defer spares.Wait() // before the groups go
	defer s.releaseSockets()
	for _, svc := range s.services {
		svc.tellStopped()
	}
	if open != nil {
		closeDoors, err := open()
		if err != nil {
			return err
		}
		defer closeDoors()
	}
	s.memory.say()
	root, treeDone, endTree := s.grow()
	close(s.serving)
	s.watchers.Go(s.announceReady)
	spares.Go(s.memory.makeSpares)
	s.watchers.Go(s.boundLogs)
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.failed:
		s.log.WithError(failure).Error("shutting down")
	case <-s.aborted.Done():
	}
	close(s.stopping)
	s.note("stopping")
	s.stopInOrder()
	s.abort()
	endTree()
	<-treeDone
	s.warnUnstopped(root)
	s.note("stopped")
	return failure
}

// prepare does everything that can fail before anything runs. After an error nothing is
// held.
func (s *Supervisor) prepare() (*runlock.Lock, error) {
	if err := s.options.Paths.MakeDirs(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.controlDir(), 0o700); err != nil {
		return nil, fmt.Errorf("prepare the run directory: %w", err)
	}
	lock, err := runlock.Take(s.options.Paths.Base, s.options.Paths.Run)
	if err != nil {
		return nil, err
	}
	if err := process.BecomeReaper(); err != nil {
		s.log.WithError(err).Warn("orphaned descendants of services are not reaped")
	}
	err = s.inherit()
	if err == nil {
		err = s.programs.Clear() // those of a dead runtime, which may be half made
	}
	if err == nil {
		err = s.bindSockets()
	}
	if err != nil {
		s.releaseSockets()
		lock.Release()
		return nil, err
	}
	s.memory = s.openBudget()
	return lock, nil
}

// bindSockets binds those of the run set.
func (s *Supervisor) bindSockets() error {
	for _, name := range s.graph.Names() {
		svc := s.services[name]
		if !svc.wanted {
			continue
		}
		for _, i := range svc.all() {
			if err := svc.sockets.Hold(i.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// grow starts the suture tree: the root, a supervisor for each service, its instance.
func (s *Supervisor) grow() (root *suture.Supervisor, done <-chan error, end context.CancelFunc) {
	root = suture.New("runtime", s.sutureSpec())
	for _, name := range s.graph.Names() {
		branch := suture.New(name, s.sutureSpec())
		s.services[name].grow(branch)
		root.Add(branch)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return root, root.ServeBackground(ctx), cancel
}

// treeTimeout is how long suture waits for an instance whose child was killed.
const treeTimeout = 10 * time.Second

// sutureSpec leaves the restarts to the instances: Serve returns only at the end, so a
// failure that suture sees is a panic of ours, and that shall be seen.
func (s *Supervisor) sutureSpec() suture.Spec {
	return suture.Spec{
		EventHook: func(event suture.Event) {
			if event.Type() != suture.EventTypeResume {
				s.log.WithFields(event.Map()).Warn(event.String())
			}
		},
		Timeout: treeTimeout,
	}
}

// announceReady closes Settled and Ready when the run set is up.
func (s *Supervisor) announceReady() {
	missing, done := s.awaitSettled()
	if !done {
		return
	}
	if len(missing) > 0 {
		s.log.Warnf("started, but for %s; `ocis list` says why", strings.Join(missing, ", "))
		close(s.settled)
	}
	count := 0
	for _, svc := range s.services {
		if !svc.wanted {
			continue
		}
		select {
		case <-svc.ready:
			count++
		case <-s.aborted.Done():
			return
		}
	}
	s.log.WithField("seconds", time.Since(s.started).Seconds()).Infof("all %d services are ready after %s",
		count, time.Since(s.started).Round(time.Millisecond))
	s.note("ready")
	if len(missing) == 0 { // whoever is told finds it logged
		close(s.settled)
	}
	close(s.ready)
}

// awaitSettled returns which services are not ready when all were, or have had their chance;
// done is false when the runtime ends before.
func (s *Supervisor) awaitSettled() (missing []string, done bool) {
	for _, name := range s.graph.Names() {
		svc := s.services[name]
		if !svc.wanted {
			continue
		}
		select {
		case <-svc.settled:
		case <-s.aborted.Done():
			return nil, false
		}
		if svc.status() != client.StatusReady {
			missing = append(missing, name)
		}
	}
	return missing, true
}

func (s *Supervisor) releaseSockets() {
	for _, svc := range s.services {
		for _, i := range svc.all() {
			svc.sockets.Release(i.String())
		}
	}
}
