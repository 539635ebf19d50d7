package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
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
