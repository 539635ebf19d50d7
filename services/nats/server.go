package nats

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/sirupsen/logrus"
)

// startTimeout bounds what is left of the server's start when its streams are recovered.
const startTimeout = 20 * time.Second

// syncInterval is how often streams are synced to disk. Publishers keep events until
// they are acknowledged, and the power fails less often than processes do.
const syncInterval = 10 * time.Second

// service is the state of the running service.
type service struct {
	settings Settings
	store    string
	server   atomic.Pointer[server.Server]
}

// errRefused means that the server cannot work with its store.
var errRefused = errors.New("the server refuses its store")

// open starts a server on the store, or on a new one when the store is damaged. A store
// that cannot be used for another reason stays: events in it may be in no outbox any more.
func (n *service) open(log *logrus.Entry) (*server.Server, error) {
	srv, err := n.start(log)
	if !errors.Is(err, errRefused) {
		return srv, err
	}
	if reason := obstacle(n.store); reason != nil {
		return nil, fmt.Errorf("%w: %w; free the disk, or make %s writable for this user", err, reason, n.store)
	}
	aside := fmt.Sprintf("%s.unusable-%s", n.store, time.Now().UTC().Format("20060102T150405"))
	if renameErr := os.Rename(n.store, aside); renameErr != nil {
		return nil, errors.Join(err, renameErr)
	}
	log.WithError(err).Errorf("the store cannot be used and was set aside as %s; starting with a new one", aside)
	return n.start(log)
}

func (n *service) start(log *logrus.Entry) (*server.Server, error) {
	if err := os.MkdirAll(n.store, 0o700); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName:                 Name,
		DontListen:                 true, // no TCP: see bridge
		NoSigs:                     true,
		CustomClientAuthentication: login{n.settings.Credentials},
		JetStream:                  true,
		StoreDir:                   n.store,
		JetStreamMaxStore:          int64(n.settings.MaxStore),
		JetStreamMaxMemory:         int64(n.settings.MaxMemory),
		SyncInterval:               syncInterval,
		DisableJetStreamBanner:     true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the NATS server: %w", err)
	}
	lines := natsLogger{log: log, fatal: make(chan string, 1)}
	srv.SetLogger(lines, log.Logger.IsLevelEnabled(logrus.DebugLevel), false)
	srv.Start()
	if err := started(srv, lines.fatal); err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, fmt.Errorf("start the NATS server on %s: %w", n.store, err)
	}
	return srv, nil
}

// started tells whether a server that was started serves. When it cannot, it says so in
// its log only, during Start, and stays as it is.
func started(srv *server.Server, fatal <-chan string) error {
	select {
	case why := <-fatal:
		return fmt.Errorf("%w: %s", errRefused, why)
	default:
	}
	if !srv.ReadyForConnections(startTimeout) || !srv.JetStreamEnabled() {
		return fmt.Errorf("not ready after %s", startTimeout)
	}
	return nil
}

// health asks the server whether its streams work.
func (n *service) health(context.Context) error {
	srv := n.server.Load()
	if srv == nil || !srv.Running() {
		return errors.New("the NATS server does not run")
	}
	if !srv.JetStreamEnabled() {
		return errors.New("JetStream is off: its store has failed, see the log")
	}
	return nil
}

// natsLogger sends the server's lines to the service's log. Its notices are
// housekeeping, so they become debug lines.
type natsLogger struct {
	log   *logrus.Entry
	fatal chan string // the first thing that it cannot go on with
}

func (l natsLogger) Noticef(format string, v ...any) { l.log.Debugf(format, v...) }
func (l natsLogger) Warnf(format string, v ...any)   { l.log.Warnf(format, v...) }
func (l natsLogger) Errorf(format string, v ...any)  { l.log.Errorf(format, v...) }
func (l natsLogger) Debugf(format string, v ...any)  { l.log.Tracef(format, v...) }
func (l natsLogger) Tracef(format string, v ...any)  { l.log.Tracef(format, v...) }

func (l natsLogger) Fatalf(format string, v ...any) {
	l.log.Errorf(format, v...)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
