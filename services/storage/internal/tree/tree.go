package tree

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/bbolt"

	"github.com/owncloud/ocis-runtime/services/internal/database"
	"github.com/owncloud/ocis-runtime/services/internal/ration"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
)

// Options of a Tree.
type Options struct {
	Folder    string        // database and blobs; made when it is not there
	Quota     uint64        // bytes per user, 0: what the disk has
	Retention time.Duration // how long deleted files stay in the trash, 0: for ever
	MaxEvents uint64        // in the outbox, beyond it the oldest are dropped; 0: 100,000
	Log       *logrus.Entry
	Now       func() time.Time // nil: time.Now
}

// Tree is the open engine.
type Tree struct {
	options  Options
	db       *bbolt.DB
	blobs    *blobs.Store
	instance string // part of public ids: unique for each database

	writer   *writer
	uploads  *uploads
	listings *ration.Larder // the memory of large ones
	outbox   outbox
	purge    chan struct{} // has a token when something waits in bucketPurge

	givesWay chan struct{} // has a token while the trash gives way to something

	stop context.CancelFunc
	jobs sync.WaitGroup
}

// Open opens the engine, or makes a new one, and starts its background jobs. It fails
// within seconds when another process has the folder. Close ends it.
func Open(options Options) (*Tree, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.MaxEvents == 0 {
		options.MaxEvents = 100_000
	}
	db, instance, err := openDatabase(options.Folder)
	if err != nil {
		return nil, err
	}
	store, err := blobs.Open(options.Folder)
	if err != nil {
		db.Close()
		return nil, database.Unusable(options.Folder, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &Tree{
		options:  options,
		db:       db,
		blobs:    store,
		instance: instance,
		uploads:  newUploads(store),
		listings: ration.HalfOfMemory(),
		purge:    make(chan struct{}, 1),
		givesWay: make(chan struct{}, 1),
		stop:     stop,
	}
	if err := t.adopt(); err != nil {
		stop()
		db.Close()
		return nil, database.Unusable(options.Folder, err)
	}
	t.outbox.added = make(chan struct{}, 1)
	t.writer = newWriter(t)
	wake(t.purge)
	wake(t.outbox.added)
	t.jobs.Go(func() { t.purgeAll(ctx) })
	t.jobs.Go(func() { t.keepHouse(ctx) })
	t.jobs.Go(func() { t.keepAdopted(ctx) })
	return t, nil
}

// Close waits for running changes and closes the database. Uploads that have not ended are
// left to the next process.
func (t *Tree) Close() error {
	t.stop()
	t.jobs.Wait()
	t.uploads.close()
	err := t.trim(context.Background())
	t.writer.close()
	return errors.Join(err, t.db.Close())
}

// wake leaves a token in a channel of capacity one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
