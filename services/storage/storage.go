// Package storage is the service that keeps people's files.
//
// It owns the gRPC API of services/storage/api, the content socket through which
// descriptors are handed out, the settings, and the coming and going of the engine
// (internal/tree), which does the work. It leaves WebDAV to webdav, and who people are
// to users.
package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go-micro.dev/v4/server"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/publish"
	"github.com/owncloud/ocis-runtime/services/storage/internal/tree"
)

// Name is the service's name, also in the registry and in ocis.yaml.
const Name = "storage"

// Summary is the service in one line.
const Summary = "keeps files, folders, locks and the trash"

// ContentSocket is the name of the socket that hands out descriptors
// (services/internal/descriptor).
const ContentSocket = "content"

const (
	// stopGrace lets uploads come to an end that are under way.
	stopGrace = 20 * time.Second
	// callGrace is what of it is kept for the calls that run at last.
	callGrace = 5 * time.Second
)

type settings struct {
	Quota          config.Bytes  `yaml:"quota" env:"STORAGE_QUOTA" default:"0" allowed:"bytes, or like 10GiB; 0 for what the disk has" desc:"space for each user's files"`
	TrashRetention time.Duration `yaml:"trash_retention" env:"STORAGE_TRASH_RETENTION" default:"720h" allowed:"a duration like 720h; 0s for ever" desc:"how long deleted files can be restored"`
}

// Validate checks what the types do not.
func (s *settings) Validate() error {
	if s.TrashRetention < 0 {
		return &config.Invalid{Key: "trash_retention", Problem: "it is negative"}
	}
	return nil
}

// service is one process's storage.
type service struct {
	src      *config.Source
	settings settings
	verifier *token.Verifier
	tree     atomic.Pointer[tree.Tree] // nil while it is not open
}

// New reads the configuration. Nothing is opened before the service runs.
func New(src *config.Source) (plugins.Service, error) {
	s := &service{src: src}
	if err := src.Fill(Name, &s.settings); err != nil {
		return plugins.Service{}, err
	}
	var err error
	if s.verifier, err = token.NewVerifier(src); err != nil {
		return plugins.Service{}, err
	}
	return plugins.Service{
		Declaration: plugins.Declaration{
			Name:    Name,
			Summary: Summary,
			Sockets: []plugins.Socket{
				{Network: "unix", Address: src.Paths.Socket(Name, ""), Protocol: "grpc"},
				{Name: ContentSocket, Network: "unix", Address: src.Paths.Socket(Name, ContentSocket)},
			},
			Singleton:    true,
			Profile:      microservice.ProfileWithData(s.src.Paths.Data(Name)),
			MemoryWeight: 4,
			StopGrace:    stopGrace,
		},
		Run:    s.run,
		Health: s.health,
	}, nil
}

// run opens the engine and serves until ctx is done. Then it drains: uploads first, while
// all other calls are answered; then calls, and the content socket closes at last.
func (s *service) run(ctx context.Context, child *plugins.Child) (err error) {
	engine, err := tree.Open(tree.Options{
		Folder:    s.src.Paths.Data(Name),
		Quota:     uint64(s.settings.Quota),
		Retention: s.settings.TrashRetention,
		Log:       child.Log(),
	})
	if err != nil {
		return err
	}
	s.tree.Store(engine)
	defer func() {
		s.tree.Store(nil)
		err = errors.Join(err, engine.Close())
	}()

	listener, err := child.Listener(ContentSocket)
	if err != nil {
		return err
	}
	attending, stop := context.WithCancel(context.WithoutCancel(ctx))
	serving, fail := context.WithCancelCause(attending)
	var attendants sync.WaitGroup
	defer attendants.Wait()
	defer stop()

	broker := descriptor.NewBroker(descriptor.TicketLifetime)
	attendants.Go(func() {
		if err := broker.Serve(attending, listener); err != nil {
			fail(fmt.Errorf("serve content: %w", err))
		}
	})
	attendants.Go(func() {
		select {
		case <-ctx.Done():
			uploading, cancel := context.WithDeadline(attending, child.DrainBy().Add(-callGrace))
			defer cancel()
			engine.DrainUploads(uploading)
			fail(nil)
		case <-attending.Done():
		}
	})
	attendants.Go(func() {
		if err := publish.Run(attending, s.src, child, engine); err != nil {
			child.Log().WithError(err).Error("events are not published")
		}
	})
	attendants.Go(func() { watch(attending, engine, child.Log()) })
	h := &handler{tree: engine, broker: broker, log: child.Log(), ending: func() bool { return attending.Err() != nil }}
	err = microservice.ServeGRPC(serving, child, "", func(srv server.Server) error {
		return storageapi.RegisterStorageHandler(srv, h)
	}, server.WrapHandler(token.HandlerWrapper(s.verifier)))
	if err == nil && ctx.Err() == nil {
		err = context.Cause(serving)
	}
	return err
}

// How long changes may wait while none takes a step forward. A step is as long as one
// sync of the disk: to kill a storage that is only slow would make it start over, for ever.
const (
	unhealthyAfter = time.Minute
	stuckAfter     = 5 * time.Minute

	watchInterval = 10 * time.Second
)

// health tells whether changes get on. It waits for none of them.
func (s *service) health(context.Context) error {
	engine := s.tree.Load()
	if engine == nil {
		return errors.New("the data is not open")
	}
	if stalled := engine.Stalled(); stalled > unhealthyAfter {
		return fmt.Errorf("no change has got on for %s: is the disk all right?", stalled.Round(time.Second))
	}
	return nil
}

// watch ends the process when a change is stuck, until ctx is done. The replacement starts
// from what is on disk; nobody was told that the change was made.
func watch(ctx context.Context, engine *tree.Tree, log *logrus.Entry) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if stalled := engine.Stalled(); stalled > stuckAfter {
				log.Fatalf("a change has been stuck for %s: starting over", stalled.Round(time.Second))
			}
		}
	}
}
