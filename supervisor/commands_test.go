package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestKillStopsAndRunStarts(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}, "other": {}})
	r.awaitReady()
	if err := r.Kill(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if got := r.instance("web"); got.Status != client.StatusStopped || got.Pid != 0 {
		t.Errorf("after kill it is %+v", got)
	}
	if _, err := r.ask("web"); err == nil {
		t.Error("a stopped service lets its callers wait")
	}
	if !r.nodes.stopped("web") || r.nodes.stopped("other") {
		t.Error("the registry does not say which service is stopped")
	}
	if err := r.Run(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if answer, err := r.ask("web"); err != nil || answer != fmt.Sprint(r.instance("web").Pid) {
		t.Errorf("%q, %v", answer, err)
	}
	if r.nodes.stopped("web") {
		t.Error("the registry says that a service is stopped which runs again")
	}
	before := r.instance("web")
	if err := r.Run(t.Context(), "web"); err != nil || r.instance("web").Pid != before.Pid {
		t.Errorf("running what runs: %v, %+v", err, r.instance("web"))
	}
	if err := r.Restart(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if got := r.instance("web"); got.Pid == before.Pid || got.LastExit == nil || !got.LastExit.Expected {
		t.Errorf("after restart it is %+v", got)
	}
}

func TestCommandsWorkInEveryState(t *testing.T) {
	r := startRuntime(t, map[string]testChild{
		"silent": {behaviour: "never ready"}, "waits": {needs: []string{"silent"}}, "loop": {behaviour: "exit 1"},
	})
	r.await("all are where they shall be", func() bool {
		return r.instance("silent").Pid != 0 && r.instance("loop").Restarts > 0
	})
	if got := r.instance("waits"); got.Status != client.StatusStarting || !strings.Contains(got.Message, "silent") {
		t.Errorf("a service that waits is %+v", got)
	}
	for _, name := range []string{"waits", "silent", "loop"} {
		if err := r.Kill(t.Context(), name); err != nil {
			t.Errorf("kill %s: %v", name, err)
		}
		if err := r.Kill(t.Context(), name); err != nil {
			t.Errorf("kill %s again: %v", name, err)
		}
	}
	if err := r.Crash(t.Context(), "loop", syscall.SIGKILL); err == nil {
		t.Error("a stopped service was hit")
	}
	if err := r.Run(t.Context(), "loop"); err == nil || !strings.Contains(err.Error(), "my last words") && !strings.Contains(err.Error(), "code 1") {
		t.Errorf("running what crashes: %v", err)
	}
}

func TestUnknownNamesAreAnsweredWithTheNearest(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"storage": {}}, testSettings())
	var unknown *UnknownServiceError
	if err := r.Run(context.Background(), "storge"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), `did you mean "storage"?`) {
		t.Errorf("got %v", err)
	}
}
