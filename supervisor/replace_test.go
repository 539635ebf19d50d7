package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// orders is a pipe on which careful children wait before they are ready.
type orders struct {
	t    *testing.T
	path string
}

// holdBack makes the children of a service wait for orders from now on.
func (r *runtime) holdBack(name string) orders {
	r.t.Helper()
	o := orders{t: r.t, path: filepath.Join(r.paths.Base, "orders-"+name)}
	if err := syscall.Mkfifo(o.path, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return o
}

// awaitChild blocks until a child waits for orders, and returns what gives them.
func (o orders) awaitChild() func(order string) {
	o.t.Helper()
	pipe, err := os.OpenFile(o.path, os.O_WRONLY, 0)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := os.Remove(o.path); err != nil { // later children are not held back
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { pipe.Close() })
	return func(order string) {
		o.t.Helper()
		if _, err := pipe.WriteString(order); err != nil {
			o.t.Fatal(err)
		}
		if err := pipe.Close(); err != nil {
			o.t.Fatal(err)
		}
	}
}

// restartHeld begins the restart of web, and returns when its replacement waits for orders.
func restartHeld(r *runtime) (order func(string), outcome <-chan error) {
	r.t.Helper()
	held, done := r.holdBack("web"), make(chan error, 1)
	go func() { done <- r.Restart(r.t.Context(), "web") }()
	return held.awaitChild(), done
}

func TestARestartServesOnUntilTheReplacementIsReadyAndRefusesNobody(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful"}})
	r.awaitReady()
	before := r.instance("web")
	ended := make(chan struct{})
	var asking sync.WaitGroup
	defer asking.Wait()
	defer close(ended)
	asking.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			if answer, err := r.ask("web"); err != nil || answer == "" {
				t.Errorf("answered %q, %v", answer, err)
			}
		}
	})
	order, outcome := restartHeld(r)
	if now := r.instance("web"); now.Status != client.StatusReady || now.Pid != before.Pid || len(r.nodes.entered()) != 1 {
		t.Errorf("while the replacement starts it is %+v, the registry has %v", now, r.nodes.entered())
	}
	order("go on")
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	now := r.instance("web")
	if now.Status != client.StatusReady || now.Pid == before.Pid || now.Restarts != 1 || len(r.nodes.entered()) != 1 {
		t.Errorf("afterwards it is %+v, the registry has %v", now, r.nodes.entered())
	}
	r.await("the old one has drained", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; last.Pid != before.Pid || last.Code != plugins.ExitDrained || !last.Expected || last.Decision != "replaced" {
		t.Errorf("its record is %+v", last)
	}
	if !processIsGone(before.Pid) {
		t.Errorf("process %d is still there", before.Pid)
	}
}

func TestAReplacementThatFailsLeavesTheOldOneAndSaysWhy(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful"}})
	r.awaitReady()
	before := r.instance("web")
	order, outcome := restartHeld(r)
	order("exit")
	if err := <-outcome; err == nil || !strings.Contains(err.Error(), "was not replaced") || !strings.Contains(err.Error(), "code 9: ordered to exit") {
		t.Errorf("the restart says %v", err)
	}
	now := r.instance("web")
	if now.Status != client.StatusReady || now.Pid != before.Pid || now.Restarts != 0 || len(r.nodes.entered()) != 1 {
		t.Errorf("afterwards it is %+v, the registry has %v", now, r.nodes.entered())
	}
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; last.Code != 9 || !strings.Contains(last.Message, "ordered to exit") {
		t.Errorf("the record is %+v", last)
	}
	if err := r.Restart(t.Context(), "web"); err != nil || r.instance("web").Pid == before.Pid {
		t.Errorf("the next restart: %v, %+v", err, r.instance("web"))
	}
}

func TestAReplacementThatIsNotReadyInTimeIsEnded(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful", change: func(d *plugins.Declaration) {
		d.ReadyTimeout = patience / 4
	}}})
	r.awaitReady()
	before := r.instance("web")
	_, outcome := restartHeld(r)
	if err := <-outcome; err == nil || !strings.Contains(err.Error(), "not ready in time") {
		t.Errorf("the restart says %v", err)
	}
	if now := r.instance("web"); now.Status != client.StatusReady || now.Pid != before.Pid {
		t.Errorf("afterwards it is %+v", now)
	}
}

func TestKillEndsAReplacementToo(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful"}})
	r.awaitReady()
	_, outcome := restartHeld(r)
	if err := r.Kill(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if now := r.instance("web"); now.Status != client.StatusStopped || now.Pid != 0 {
		t.Errorf("it is %+v", now)
	}
	if err := <-outcome; err == nil || !strings.Contains(err.Error(), "stopped by somebody else") {
		t.Errorf("the restart says %v", err)
	}
	r.await("both have records", func() bool {
		status, err := r.Status(t.Context(), "web")
		return err == nil && len(status.Exits) == 2
	})
}

func TestAChildThatDiesWhileItIsReplacedIsReplacedAllTheMore(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful"}})
	r.awaitReady()
	before := r.instance("web")
	order, outcome := restartHeld(r)
	if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	next := r.awaitStatus("web", client.StatusStarting)
	if next.Pid == before.Pid || next.Pid == 0 {
		t.Errorf("it is %+v", next)
	}
	order("go on")
	if err := <-outcome; err != nil {
		t.Error(err)
	}
	if now := r.instance("web"); now.Status != client.StatusReady || now.Pid != next.Pid || now.Restarts != 1 {
		t.Errorf("afterwards it is %+v", now)
	}
}

func TestTheLastWordsOfAChildThatDiesWhileItIsReplacedAreKept(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful"}})
	r.awaitReady()
	order, outcome := restartHeld(r)
	if err := r.Crash(t.Context(), "web", syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	r.awaitStatus("web", client.StatusStarting)
	order("go on")
	if err := <-outcome; err != nil {
		t.Error(err)
	}
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; !strings.Contains(last.Message, "SIGQUIT: quit") {
		t.Errorf("the record is %+v", last)
	}
}

func TestAChildThatDrainsUnaskedIsReplacedBeforeItHasGone(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "lingers"}})
	r.awaitReady()
	before := r.instance("web")
	if err := r.Crash(t.Context(), "web", syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.await("another one serves", func() bool {
		now := r.instance("web")
		return now.Status == client.StatusReady && now.Pid != before.Pid
	})
	if processIsGone(before.Pid) {
		t.Error("the one that drains was not given its time")
	}
	if answer, err := r.ask("web"); err != nil || answer != fmt.Sprint(r.instance("web").Pid) {
		t.Errorf("answered by %q, %v", answer, err)
	}
	if err := r.Kill(t.Context(), "web"); err != nil || !processIsGone(before.Pid) {
		t.Errorf("after kill: %v, the one that drains is gone: %v", err, processIsGone(before.Pid))
	}
}

func TestAChildThatHangsWhileItStartsIsReplaced(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {behaviour: "careful"}}, testSettings())
	held := r.holdBack("web")
	r.serve()
	held.awaitChild()
	before := r.instance("web")
	if err := r.Crash(t.Context(), "web", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.awaitReady()
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; last.Pid != before.Pid || last.Cause != client.CauseHung {
		t.Errorf("the record is %+v", last)
	}
}

func TestAKillDuringTheStartIsRecordedAsWhatItIs(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {behaviour: "careful"}}, testSettings())
	held := r.holdBack("web")
	r.serve()
	held.awaitChild()
	if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.awaitReady()
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; last.Cause != client.CauseSignal || last.Signal != "SIGKILL" || last.Message != "killed by SIGKILL" {
		t.Errorf("the record is %+v", last)
	}
}

func TestTheRuntimeStopsWhileAChildIsReplaced(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful"}})
	r.awaitReady()
	_, outcome := restartHeld(r)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if err := <-outcome; err == nil {
		t.Error("the restart says that it worked")
	}
}

func TestASingletonNeverRunsTwice(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "careful", change: func(d *plugins.Declaration) { d.Singleton = true }}})
	r.awaitReady()
	before := r.instance("web")
	order, outcome := restartHeld(r)
	if !processIsGone(before.Pid) {
		t.Errorf("process %d runs beside its replacement", before.Pid)
	}
	order("go on")
	if err := <-outcome; err != nil {
		t.Error(err)
	}
}

func TestRestartOfAStoppedServiceStartsItOnce(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if err := r.Kill(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if err := r.Restart(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if now := r.instance("web"); now.Status != client.StatusReady || now.Restarts != 1 {
		t.Errorf("it is %+v", now)
	}
}

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
		if instance.Service == service {
			statuses[instance.Instance] = instance.Status
		}
	}
	return statuses
}

func TestAChildThatHangsWhileItDrainsIsEnded(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "lingers", change: func(d *plugins.Declaration) {
		d.Singleton, d.StopGrace = true, 10*patience
	}}})
	r.awaitReady()
	before := r.instance("web")
	restarted := make(chan error, 1)
	go func() { restarted <- r.Restart(t.Context(), "web") }()
	r.awaitStatus("web", client.StatusStopping)
	if err := r.Crash(t.Context(), "web", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := <-restarted; err != nil {
		t.Error(err)
	}
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; last.Pid != before.Pid || !strings.Contains(last.Message, "hung") {
		t.Errorf("the record is %+v", last)
	}
	r.Abort() // or the stop at the end of the test waits for the grace
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
		if instance.Service == service {
			pids[instance.Instance] = instance.Pid
		}
	}
	return pids
}
