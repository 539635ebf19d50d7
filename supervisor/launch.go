package supervisor

import (
	"errors"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
)

// handshakeTimeout bounds the time from exec to the handshake line.
const handshakeTimeout = 20 * time.Second

// specOf returns how children of a service are executed: the same binary again, with
// the service's name.
func (s *Supervisor) specOf(svc *service) func(string) (child.Spec, func(), error) {
	name := svc.declaration.Name
	return func(incarnation string) (child.Spec, func(), error) {
		// A no-op while the sockets are held; after a deliberate stop they are not.
		if err := svc.sockets.Bind(); err != nil {
			return child.Spec{}, nil, err
		}
		path := s.options.Paths.Log(name)
		if err := logfile.Bound(path, s.options.Settings.logLimits()); err != nil {
			s.log.WithError(err).Warnf("the log of %s may grow", name)
		}
		log, err := logfile.Open(path)
		if err != nil {
			return child.Spec{}, nil, err
		}
		files := svc.sockets.Files()
		if len(files) != len(svc.declaration.Sockets) {
			return child.Spec{}, nil, errors.Join(errors.New("its sockets were released"), log.Close())
		}
		return child.Spec{
			Service:      name,
			Instance:     name + "-1",
			Incarnation:  incarnation,
			Path:         s.options.Executable,
			Args:         []string{"ocis", name, "server"},
			Environ:      s.options.Environ,
			Log:          log,
			LogOffset:    logfile.Size(path),
			Sockets:      files,
			SocketNames:  svc.sockets.Names(),
			ControlDir:   s.controlDir(),
			StartTimeout: handshakeTimeout,
		}, func() { log.Close() }, nil
	}
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
		for name := range s.services {
			if err := logfile.Bound(s.options.Paths.Log(name), s.options.Settings.logLimits()); err != nil {
				s.log.WithError(err).Warnf("the log of %s may grow", name)
			}
		}
	}
}
