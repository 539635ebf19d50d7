package storage

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/tree"
)

func TestAStorageThatIsBusyWithALongChangeIsHealthy(t *testing.T) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	var long atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	engine, err := tree.Open(tree.Options{Folder: t.TempDir(), Log: logrus.NewEntry(log), Now: func() time.Time {
		if long.CompareAndSwap(true, false) {
			close(entered)
			<-release
		}
		return time.Now()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	s := &service{}
	if s.health(t.Context()) == nil {
		t.Error("it is healthy without data")
	}
	s.tree.Store(engine)
	if _, err := engine.Usage(t.Context(), "alice"); err != nil { // makes the root
		t.Fatal(err)
	}
	done := make(chan error)
	long.Store(true)
	go func() {
		_, err := engine.MakeDirectory(context.Background(), "alice", &storageapi.MakeDirectoryRequest{Path: "/d"})
		done <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.health(ctx); err != nil {
		t.Errorf("a change takes long: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
