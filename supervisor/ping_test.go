package supervisor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
)

// stuck is a Registrar that hangs, once it is told to, in the keeper that calls it.
type stuck struct {
	hang    chan struct{} // closed: hang
	hanging chan struct{} // closed: it does
	once    sync.Once
	release chan struct{}
}

func (s *stuck) Enter(string, []plugins.Registration) {}

func (s *stuck) SetStopped(string, bool) {}

func (s *stuck) Remove(string) {
	select {
	case <-s.hang:
		s.once.Do(func() { close(s.hanging) })
		<-s.release
	default:
	}
}

func TestAPingNamesTheKeeperThatHangs(t *testing.T) {
	registrar := &stuck{hang: make(chan struct{}), hanging: make(chan struct{}), release: make(chan struct{})}
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {}, "users": {}}, testSettings())
	r.options.Registrar = registrar
	r.serve()
	r.awaitReady()
	long, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.Ping(long); err != nil {
		t.Fatal(err)
	}
	close(registrar.hang)
	if err := r.Crash(long, "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-registrar.hanging
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := r.Ping(short)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "web-1") || strings.Contains(err.Error(), "users") {
		t.Errorf("got %v", err)
	}
	close(registrar.release)
	if err := r.Ping(long); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
}

func TestAPingIsNotAnsweredBeforeTheStartAndAfterTheEnd(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {}}, testSettings())
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := r.Ping(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before: %v", err)
	}
	r.serve()
	r.awaitReady()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := r.Ping(t.Context()); err == nil {
		t.Error("it is answered after the end")
	}
}
