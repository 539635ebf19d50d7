package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestInstancesShareASocketAndLiveAlone(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}, "other": {}})
	r.awaitReady()
	if err := r.Scale(t.Context(), "web", 3); err != nil {
		t.Fatal(err)
	}
	pids := r.pids("web")
	if len(pids) != 3 || len(r.nodes.entered()) != 4 {
		t.Fatalf("it has processes %v, the registry has %v", pids, r.nodes.entered())
	}
	answer, err := r.ask("web")
	if pid, _ := strconv.Atoi(answer); err != nil || pids["web-1"] != pid && pids["web-2"] != pid && pids["web-3"] != pid {
		t.Errorf("answered by %q, %v", answer, err)
	}
	if err := r.Crash(t.Context(), "web-2", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.await("the second one is replaced", func() bool {
		now := r.pids("web")
		return now["web-2"] != pids["web-2"] && now["web-2"] != 0
	})
	if now := r.pids("web"); now["web-1"] != pids["web-1"] || now["web-3"] != pids["web-3"] {
		t.Errorf("of %v, only web-2 was killed; now %v", pids, now)
	}
	if err := r.Restart(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	for name, pid := range r.pids("web") {
		if pid == pids[name] || pid == 0 {
			t.Errorf("%s was not restarted: it is process %d", name, pid)
		}
	}
}

func TestScalingDownDrains(t *testing.T) {
	settings := testSettings()
	settings.Replicas = []string{"web=3"}
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {}}, settings)
	r.serve()
	r.awaitReady()
	r.await("all three are ready", func() bool { return len(r.nodes.entered()) == 3 })
	if err := r.Scale(t.Context(), "web", 1); err != nil {
		t.Fatal(err)
	}
	pids := r.pids("web")
	if len(pids) != 1 || len(r.nodes.entered()) != 1 {
		t.Errorf("it has processes %v, the registry has %v", pids, r.nodes.entered())
	}
	if answer, err := r.ask("web"); err != nil || answer != fmt.Sprint(pids["web-1"]) {
		t.Errorf("answered by %q, %v", answer, err)
	}
	if err := r.Kill(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ask("web"); err == nil {
		t.Error("the sockets of a stopped service are still bound")
	}
	if err := r.Scale(t.Context(), "web", 2); err != nil {
		t.Fatal(err)
	}
	if pids := r.pids("web"); len(pids) != 2 || pids["web-1"]+pids["web-2"] != 0 {
		t.Errorf("scaling started what was stopped: %v", pids)
	}
	if err := r.Run(t.Context(), "web"); err != nil || len(r.nodes.entered()) != 2 {
		t.Errorf("%v; the registry has %v", err, r.nodes.entered())
	}
}

func TestScalingDownLetsTheLastOnesFinish(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if err := r.Scale(t.Context(), "web", 2); err != nil {
		t.Fatal(err)
	}
	r.await("the second is ready", func() bool { return len(r.nodes.entered()) == 2 })
	if err := r.Scale(t.Context(), "web", 1); err != nil {
		t.Fatal(err)
	}
	var exit *client.Exit
	events, _ := r.History().Since(0)
	for _, event := range events {
		if event.Instance == "web-2" && event.Exit != nil {
			exit = event.Exit
		}
	}
	if exit == nil || exit.Code != plugins.ExitDrained || !exit.Expected {
		t.Errorf("the second one's end is %+v", exit)
	}
}

func TestAScaleThatNobodyWaitsForEndsWhatItHasBegun(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "lingers"}})
	r.awaitReady()
	if err := r.Scale(t.Context(), "web", 2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	scaled := make(chan error, 1)
	go func() { scaled <- r.Scale(ctx, "web", 1) }()
	r.await("the second drains", func() bool { return r.statuses("web")["web-2"] == client.StatusStopping })
	waiting, stopWaiting := context.WithTimeout(t.Context(), patience/16)
	defer stopWaiting()
	if err := r.Scale(waiting, "web", 3); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("the second scale says %v", err)
	}
	cancel()
	if err := <-scaled; err == nil {
		t.Error("the first scale says that it worked")
	}
	if pids := r.pids("web"); len(pids) != 1 {
		t.Errorf("there are %v", pids)
	}
}

func TestWhatWasStoppedOnPurposeIsNotStartedByOtherCommands(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if err := r.Scale(t.Context(), "web", 2); err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(t.Context(), "web-2"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Restart(t.Context(), "web"), r.Scale(t.Context(), "web", 3)); err != nil {
		t.Fatal(err)
	}
	if got := r.statuses("web"); got["web-1"] != client.StatusReady || got["web-2"] != client.StatusStopped || got["web-3"] != client.StatusReady {
		t.Errorf("they are %v", got)
	}
}

func TestEachInstanceHasALogOfItsOwn(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if err := r.Scale(t.Context(), "web", 2); err != nil {
		t.Fatal(err)
	}
	if err := r.Crash(t.Context(), "web-2", syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	r.await("both are ready", func() bool { return len(r.nodes.entered()) == 2 && r.pids("web")["web-2"] != 0 })
	if err := r.Crash(t.Context(), "web-1", syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.await("both have records", func() bool {
		status, err := r.Status(t.Context(), "web")
		return err == nil && len(status.Exits) == 2
	})
	for instance, want := range map[string]string{"web-1": "killed by SIGHUP", "web-2": "SIGQUIT: quit"} {
		status, err := r.Status(t.Context(), instance)
		if err != nil || len(status.Exits) != 1 || !strings.Contains(status.Exits[0].Message, want) || strings.Contains(status.Exits[0].Message, "SIGQUIT") != (instance == "web-2") {
			t.Errorf("%s: %+v, %v", instance, status.Exits, err)
		}
	}
}

// statuses returns the states of a service's instances.
func (r *runtime) statuses(service string) map[string]client.Status {
	statuses := map[string]client.Status{}
	for _, instance := range r.List() {
		if instance.Service == service && !instance.Replaced() {
			statuses[instance.Instance] = instance.Status
		}
	}
	return statuses
}

func TestImpossibleScalesAreRefused(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}, "alone": {change: func(d *plugins.Declaration) { d.Singleton = true }}})
	r.awaitReady()
	for _, test := range []struct {
		service  string
		replicas int
		want     string
	}{
		{"alone", 2, "must not run twice"}, {"web", 0, "ocis kill web"}, {"web", maxReplicas + 1, "1 to 64"}, {"wbe", 2, `did you mean "web"?`},
	} {
		if err := r.Scale(t.Context(), test.service, test.replicas); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s=%d: %v", test.service, test.replicas, err)
		}
	}
}

// pids returns the processes of a service's instances.
func (r *runtime) pids(service string) map[string]int {
	pids := map[string]int{}
	for _, instance := range r.List() {
		if instance.Service == service && !instance.Replaced() {
			pids[instance.Instance] = instance.Pid
		}
	}
	return pids
}
