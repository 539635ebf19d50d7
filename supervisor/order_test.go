package supervisor

import (
	"cmp"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestTheEndOfAProcessIsToldBeforeWhatFollowsFromIt(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	for range 3 {
		before := r.instance("web")
		if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.await("web is replaced", func() bool { return r.instance("web").Incarnation != before.Incarnation })
		r.awaitStatus("web", client.StatusReady)
	}
	if err := r.Kill(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	var told []string
	var last time.Time
	events, _ := r.History().Since(0)
	for _, event := range events {
		if event.Service != "web" {
			continue
		}
		if event.At.Before(last) {
			t.Errorf("event %d of %s is told after one of %s", event.Sequence, event.At, last)
		}
		last = event.At
		told = append(told, cmp.Or(string(event.Status), event.Kind))
	}
	want := slices.Concat([]string{"starting", "ready", "exit", "starting", "ready"}, slices.Repeat([]string{"exit", "backoff", "starting", "ready"}, 2), []string{"stopping", "exit", "stopped"})
	if !slices.Equal(told, want) {
		t.Errorf("told is %v", told)
	}
}

func TestServicesStartWhenWhatTheyNeedIsReady(t *testing.T) {
	r := startRuntime(t, map[string]testChild{
		"storage": {}, "webdav": {needs: []string{"storage"}}, "proxy": {needs: []string{"webdav", "users"}}, "users": {},
	})
	r.awaitReady()
	var order []string
	events, _ := r.History().Since(0)
	for _, event := range events {
		if event.Status == client.StatusReady {
			order = append(order, event.Service)
		}
	}
	if slices.Index(order, "storage") > slices.Index(order, "webdav") || order[len(order)-1] != "proxy" {
		t.Errorf("they became ready in the order %v", order)
	}
	if got := r.nodes.entered(); len(got) != 4 {
		t.Errorf("the registry has %v", got)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if got := r.nodes.entered(); len(got) != 0 {
		t.Errorf("the registry still has %v", got)
	}
	var stopped []string
	events, _ = r.History().Since(0)
	// What is told of an instance waits for the record of its end, and nobody waits for that of another.
	slices.SortStableFunc(events, func(a, b client.Event) int { return a.At.Compare(b.At) })
	for _, event := range events {
		if event.Status == client.StatusStopped {
			stopped = append(stopped, event.Service)
		}
	}
	if slices.Index(stopped, "proxy") != 0 || slices.Index(stopped, "webdav") > slices.Index(stopped, "storage") {
		t.Errorf("they stopped in the order %v", stopped)
	}
}

func TestAServiceThatCannotStartDoesNotTakeThoseWithItThatNeedIt(t *testing.T) {
	r := startRuntime(t, map[string]testChild{
		"users": {behaviour: "exit 1"}, "never": {behaviour: "never ready"}, "stopped": {needs: []string{"never"}},
		"proxy": {needs: []string{"users", "web"}}, "web": {},
	})
	r.awaitStatus("proxy", client.StatusReady)
	if now := r.instance("stopped"); now.Status != client.StatusStarting || now.Pid != 0 {
		t.Errorf("what waits for one that is still starting is %+v", now)
	}
	if err := r.Kill(t.Context(), "never"); err != nil {
		t.Fatal(err)
	}
	r.awaitStatus("stopped", client.StatusReady)
	select { // systemd is told to go on, and nobody that all are ready
	case <-r.Settled():
	case <-r.Ready():
		t.Error("ready although users is not")
	case <-time.After(patience):
		t.Error("it does not settle")
	}
}

func TestOnlyTheRunSetIsStarted(t *testing.T) {
	settings := testSettings()
	settings.Exclude = []string{"users"}
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"users": {}, "web": {needs: []string{"users"}}}, settings)
	r.serve()
	r.awaitReady()
	if got := r.instance("users"); got.Status != client.StatusStopped {
		t.Errorf("an excluded service is %s", got.Status)
	}
	if err := r.Run(t.Context(), "users"); err != nil {
		t.Error(err)
	}
}
