package supervisor

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestACrashLoopBacksOffAndCostsItsSiblingsNothing(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"loop": {behaviour: "exit 1"}, "web": {}})
	r.await("the loop was started four times", func() bool { return r.instance("loop").Restarts >= 3 })
	before := r.awaitStatus("web", client.StatusReady)
	if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.await("web is replaced", func() bool {
		now := r.instance("web")
		return now.Status == client.StatusReady && now.Pid != before.Pid
	})
	next := r.awaitStatus("loop", client.StatusBackoff)
	if next.NextStart == nil {
		t.Errorf("list does not say when the next try is: %+v", next)
	}
}

func TestTheRestartPolicyDecides(t *testing.T) {
	policy := func(p plugins.RestartPolicy) func(*plugins.Declaration) {
		return func(d *plugins.Declaration) { d.Restart = p }
	}
	r := startRuntime(t, map[string]testChild{
		"once":  {behaviour: "exit 0", change: policy(plugins.RestartOnFailure)},
		"never": {behaviour: "exit 3", change: policy(plugins.RestartNever)},
	})
	for _, name := range []string{"once", "never"} {
		if got := r.awaitStatus(name, client.StatusFailed); got.Restarts != 0 {
			t.Errorf("%s was restarted %d times", name, got.Restarts)
		}
	}
}

func TestTheFailureOfAnEssentialServiceEndsTheRuntime(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}, "vital": {behaviour: "exit 1", needs: []string{"web"}, change: func(d *plugins.Declaration) {
		d.Essential, d.Restart = true, plugins.RestartNever
	}}})
	select {
	case err := <-r.ended:
		r.ended <- err
		var essential *EssentialError
		if !errors.As(err, &essential) || essential.Service != "vital" {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the runtime goes on")
	}
}

func TestAnEssentialServiceThatCrashesUntilItsDelayIsAtTheCapEndsTheRuntime(t *testing.T) {
	settings := testSettings()
	settings.BackoffFirst, settings.BackoffCap = 10*time.Millisecond, 40*time.Millisecond
	settings.Essential = []string{"vital"}
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {}, "vital": {behaviour: "exit 1"}}, settings)
	r.serve()
	select {
	case err := <-r.ended:
		r.ended <- err
		var essential *EssentialError
		if !errors.As(err, &essential) || essential.Service != "vital" || !strings.Contains(err.Error(), "my last words") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatalf("the runtime goes on: %+v", r.instance("vital"))
	}
}
