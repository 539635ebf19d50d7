package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/runlock"
	"github.com/owncloud/ocis-runtime/supervisor/runstate"
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

func TestAKilledChildIsReplacedAndNobodyElseNotices(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"storage": {}, "webdav": {needs: []string{"storage"}}})
	r.awaitReady()
	for _, name := range []string{"storage", "webdav"} {
		before := map[string]int{}
		for _, instance := range r.List() {
			before[instance.Service] = instance.Pid
		}
		if err := syscall.Kill(before[name], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.await(name+" is replaced", func() bool {
			now := r.instance(name)
			return now.Status == client.StatusReady && now.Pid != before[name]
		})
		for _, instance := range r.List() {
			if instance.Service != name && instance.Pid != before[instance.Service] {
				t.Errorf("%s was replaced although %s was killed", instance.Service, name)
			}
		}
		if got := r.instance(name); got.Restarts != 1 {
			t.Errorf("%s has %d restarts", name, got.Restarts)
		}
	}
	if got := r.nodes.entered(); len(got) != 2 {
		t.Errorf("the registry has %v", got)
	}
}

func TestNoConnectionIsRefusedWhileAChildIsReplaced(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	first, err := r.ask("web")
	if err != nil || first != fmt.Sprint(r.instance("web").Pid) {
		t.Fatalf("%q, %v", first, err)
	}
	if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Whether this connection finds the dying child or its replacement, it is not refused.
	for begin := time.Now(); time.Since(begin) < patience; {
		answer, err := r.ask("web")
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		if answer != "" && answer != first {
			return
		}
	}
	t.Error("its replacement never answers")
}

func TestAnExitLeavesARecordWithTheLastWords(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "exit 7"}})
	r.awaitStatus("web", client.StatusBackoff)
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	last := r.instance("web").LastExit
	if last.Code != 7 || last.Signal != "" || !strings.Contains(last.Message, "code 7: my last words") {
		t.Errorf("the record is %+v", last)
	}
	status, err := r.Status(t.Context(), "web")
	if err != nil || len(status.Exits) == 0 || !slices.Contains(status.Exits[0].LastLines, "my last words") {
		t.Errorf("the status is %+v, %v", status, err)
	}
}

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

func TestAHungChildIsReplaced(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	before := r.instance("web")
	if err := r.Crash(t.Context(), "web", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.await("it is replaced", func() bool {
		now := r.instance("web")
		return now.Status == client.StatusReady && now.Pid != before.Pid
	})
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; !strings.Contains(last.Message, "hung") {
		t.Errorf("the record is %+v", last)
	}
}

func TestAnUnhealthyChildIsShownAndTakenOutOfTheRegistry(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	sick := filepath.Join(r.paths.Base, "sick-web")
	if err := os.WriteFile(sick, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.awaitStatus("web", client.StatusUnhealthy); !strings.Contains(got.Message, "feel well") || len(r.nodes.entered()) != 0 {
		t.Errorf("it is %+v, the registry has %v", got, r.nodes.entered())
	}
	pid := r.instance("web").Pid
	if err := os.Remove(sick); err != nil {
		t.Fatal(err)
	}
	if got := r.awaitStatus("web", client.StatusReady); got.Pid != pid || len(r.nodes.entered()) != 1 {
		t.Errorf("it is %+v, the registry has %v", got, r.nodes.entered())
	}
}

func TestChildrenThatBreakTheContractAreNamed(t *testing.T) {
	short := func(d *plugins.Declaration) { d.ReadyTimeout = time.Second }
	for name, test := range map[string]struct {
		child testChild
		want  string
	}{
		"garbage instead of a handshake": {testChild{behaviour: "garbage"}, "hello, I am no plugin"},
		"somebody else":                  {testChild{behaviour: "liar"}, "somebody-else"},
		"never ready":                    {testChild{behaviour: "never ready", change: short}, "not ready"},
		"silent":                         {testChild{behaviour: "silent", change: short}, "no handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRuntime(t, map[string]testChild{"odd": test.child, "web": {}})
			r.awaitStatus("odd", client.StatusBackoff)
			r.await("there is a record", func() bool { return r.instance("odd").LastExit != nil })
			if last := r.instance("odd").LastExit; !strings.Contains(last.Message, test.want) || strings.Contains(last.Message, "\n") {
				t.Errorf("the record says %q", last.Message)
			}
			r.awaitStatus("web", client.StatusReady)
		})
	}
}

func TestNoGrandchildSurvives(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "grandchild"}})
	r.awaitReady()
	grandchildren := r.grandchildren("web")
	if len(grandchildren) != 1 {
		t.Fatalf("the grandchildren are %v", grandchildren)
	}
	grandchild := grandchildren[0]
	if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.await("it was replaced", func() bool { return r.instance("web").Restarts == 1 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if !processIsGone(grandchild) && !isZombie(grandchild) {
		t.Errorf("grandchild %d lives", grandchild)
	}
}

// grandchildren returns the pids that a service's log names, oldest first.
func (r *runtime) grandchildren(service string) (pids []int) {
	r.t.Helper()
	log, err := os.ReadFile(r.paths.Log(service))
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		var pid int
		if n, _ := fmt.Sscanf(line, "grandchild %d", &pid); n == 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestOutputOfBothStreamsIsInTheLog(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if log, err := os.ReadFile(r.paths.Log("web")); err != nil || !strings.Contains(string(log), "on stdout") {
		t.Errorf("the log is %q, %v", log, err)
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

func TestStopEndsAChildThatIgnoresEverythingButSIGKILL(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "stubborn", change: func(d *plugins.Declaration) { d.StopGrace = 100 * time.Millisecond }}})
	r.awaitReady()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestAbortKillsAtOnce(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "stubborn"}})
	r.awaitReady()
	r.cancel()
	r.awaitStatus("web", client.StatusStopping)
	r.Abort()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestStopWorksWhileAChildHangs(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if err := r.Crash(t.Context(), "web", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestExitRecordsOutliveTheRuntime(t *testing.T) {
	base := tempDir(t)
	for run := 1; run <= 2; run++ {
		r := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
		r.serve()
		r.awaitReady()
		if status, err := r.Status(t.Context(), "web"); err != nil || len(status.Exits) != run-1 {
			t.Errorf("runtime %d remembers %d exits, %v", run, len(status.Exits), err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAChildWhoseProcessWasNotRecordedIsFoundByItsIncarnation(t *testing.T) {
	base := tempDir(t)
	paths := filepath.Join(base, "run")
	state, _, err := runstate.Open(paths)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Starting("web", "web-1", runstate.Child{Incarnation: "lost"}); err != nil {
		t.Fatal(err)
	}
	left, err := process.Start(process.Spec{
		Path: executable(t), Args: []string{"ocis", "web", "server"},
		Env: []string{"BEHAVIOUR_web=silent", plugins.IncarnationVariable("lost")}, Files: []*os.File{nil, nil, nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	r.serve()
	r.awaitReady()
	select {
	case <-left.Done():
	case <-time.After(patience):
		t.Error("it is left")
		_ = left.SignalGroup(syscall.SIGKILL)
	}
	status, err := r.Status(t.Context(), "web")
	if err != nil || len(status.Exits) != 1 || status.Exits[0].Pid != left.Pid() || status.Exits[0].Signal != "SIGKILL" || !status.Exits[0].Expected {
		t.Errorf("its end is recorded as %+v, %v", status.Exits, err)
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

func TestTheSecondRuntimeIsRefusedAndTheFirstGoesOn(t *testing.T) {
	base := tempDir(t)
	first := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	first.serve()
	first.awaitReady()
	second := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	if err := second.Serve(t.Context(), nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if answer, err := first.ask("web"); err != nil || answer == "" {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestAnotherRunDirectoryDoesNotMakeTheSameDataSafe(t *testing.T) {
	base := tempDir(t)
	first := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	first.serve()
	first.awaitReady()
	second := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	second.options.Paths.Run = tempDir(t)
	if err := second.Serve(t.Context(), nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

func TestATakenPortStopsTheStartAndNothingIsLeft(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	base := tempDir(t)
	children := map[string]testChild{"aaa": {}, "proxy": {change: func(d *plugins.Declaration) {
		d.Sockets = []plugins.Socket{{Network: "tcp", Address: taken.Addr().String()}}
	}}}
	r := prepareRuntime(t, base, children, testSettings())
	if err := r.Serve(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("got %v", err)
	}
	r.nothingIsLeft()
	if _, held, err := runlock.Find(r.paths.Run); err != nil || held {
		t.Errorf("the lock is held: %v, %v", held, err)
	}
}

func TestUnknownNamesAreAnsweredWithTheNearest(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"storage": {}}, testSettings())
	var unknown *UnknownServiceError
	if err := r.Run(context.Background(), "storge"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), `did you mean "storage"?`) {
		t.Errorf("got %v", err)
	}
}
