package tree

import (
	"context"
	"fmt"
	"testing"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func TestOnlyAWriterThatTakesNoStepIsStalled(t *testing.T) {
	var p progress
	start := time.Unix(1_700_000_000, 0)
	for _, moment := range []struct {
		at    time.Duration
		busy  bool
		steps uint64
		want  time.Duration
	}{
		{0, true, 0, 0},
		{1 * time.Second, true, 1, 0},               // it takes steps
		{5 * time.Second, true, 2, 0},               // slowly
		{9 * time.Second, true, 2, 4 * time.Second}, // not any more
		{20 * time.Second, true, 2, 15 * time.Second},
		{21 * time.Second, true, 3, 0},
		{22 * time.Second, false, 3, 0}, // there is nothing to do
		{99 * time.Second, false, 3, 0},
		{100 * time.Second, true, 3, time.Second},
	} {
		p.busy.Store(moment.busy)
		p.steps.Store(moment.steps)
		if got := p.stalled(start.Add(moment.at)); got != moment.want {
			t.Errorf("after %s: stalled for %s, want %s", moment.at, got, moment.want)
		}
	}
}

func TestEverythingThatAChangeDoesIsAStep(t *testing.T) {
	s := newStand(t, Options{})
	steps := func() uint64 { return s.writer.progress.steps.Load() }
	s.mkdir("/d")
	for i := range 10 {
		s.put(fmt.Sprintf("/d/%d", i), "x")
	}
	before := steps()
	_, err := s.copy("/d", "/copy", false)
	s.must(err)
	if got := steps() - before; got < 10 {
		t.Errorf("a copy of ten files takes %d steps", got)
	}
	before = steps()
	_, err = s.List(t.Context(), s.owner, &storageapi.ListRequest{Path: "/"})
	s.must(err)
	if got := steps() - before; got != 0 {
		t.Errorf("a reader takes %d steps for a writer that may be stuck", got)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- s.update(context.WithoutCancel(t.Context()), func(*tx) error { close(entered); <-release; return nil })
	}()
	<-entered
	if !s.writer.progress.busy.Load() {
		t.Error("a writer in the middle of a change is idle")
	}
	close(release)
	s.must(<-done)
}
