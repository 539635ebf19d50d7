package supervisor

import (
	"slices"
	"strings"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
)

// handshakeTimeout bounds the time from exec to the handshake line.
const handshakeTimeout = 20 * time.Second

// specOf returns how children of an instance are executed.
func (svc *service) specOf(instance string) func(string) (child.Spec, func(), error) {
	s, name := svc.supervisor, svc.declaration.Name
	environ := forChildren(s.options.Environ, svc.declaration, s.options.Declarations)
	return func(incarnation string) (child.Spec, func(), error) {
		executable, own, err := svc.executed()
		if err != nil {
			return child.Spec{}, nil, err
		}
		// A no-op while the sockets are held; after a deliberate stop they are not.
		if err := svc.sockets.Hold(instance); err != nil {
			return child.Spec{}, nil, err
		}
		svc.tellStopped()
		path := svc.logPath(instance)
		log, err := logfile.Open(path)
		if err != nil {
			return child.Spec{}, nil, err
		}
		share := s.memory.share(svc)
		limits := Limits(svc.declaration, share.HardBytes)
		group := s.memory.enter(instance, incarnation, limits)
		spec := child.Spec{
			Service:      name,
			Instance:     instance,
			Incarnation:  incarnation,
			Path:         executable,
			Args:         svc.program.Args,
			KnownAs:      svc.program.Path,
			Environ:      setVariables(slices.Concat(environ, share.Environ(environ)), own),
			Log:          log,
			LogFrom:      logfile.End(path),
			Sockets:      svc.sockets.Files(),
			SocketNames:  svc.sockets.Names(),
			ControlDir:   s.controlDir(),
			StartTimeout: handshakeTimeout,
			OrphanGrace:  s.options.Settings.OrphanGrace,
		}
		if group != nil {
			spec.Place = group.Place
		}
		if isIsolated(svc.declaration) {
			if err := svc.isolate(&spec); err != nil {
				log.Close()
				return child.Spec{}, nil, err
			}
			if without(group, cgroup.Memory) != nil {
				spec.Sandbox.Plan.MemoryBytes = limits.HardBytes
			}
		}
		return spec, func() {
			log.Close()
			s.memory.entered(instance, group, limits)
		}, nil
	}
}

// executed returns the file to be executed now, and the variables that are for this service alone.
func (svc *service) executed() (path string, variables []string, err error) {
	if path, err = svc.supervisor.programs.Executable(svc.program); err == nil {
		variables, err = svc.program.Variables()
	}
	return path, variables, err
}

// private are variables that are meant for the supervisor itself: systemd's, with which a
// child could speak in its name, and that of the child of another supervisor that started this one.
var private = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", plugins.IncarnationKey}

// forChildren returns the environment of a service's children: without what is private,
// and without what is secret and somebody else's.
func forChildren(environ []string, service plugins.Declaration, all []plugins.Declaration) []string {
	withheld := slices.Clone(private)
	for _, other := range all {
		withheld = append(withheld, other.Secrets...)
	}
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(withheld, name) && !slices.Contains(service.Secrets, name)
	})
}

// logInterval is how often the size of the logs is looked at; that is how long a child
// can write without a bound.
const logInterval = 2 * time.Second

// boundLogs keeps the logs of running children bounded until the supervisor ends.
func (s *Supervisor) boundLogs() {
	ticker := time.NewTicker(logInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.aborted.Done():
			return
		}
		for _, svc := range s.services {
			for _, i := range svc.all() {
				if err := logfile.Bound(svc.logPath(i.String()), s.options.Settings.logLimits()); err != nil {
					s.log.WithError(err).Warnf("the log of %s may grow", i)
				}
			}
		}
	}
}
