package supervisor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// awaitHealthChecks waits until a service's child was asked so many times more.
func (r *runtime) awaitHealthChecks(service string, more int) {
	r.t.Helper()
	checks := func() (n int) {
		counted := fmt.Sprintf("\nocis_instance_health_duration_seconds_count{service=%q,instance=%q} ", service, service+"-1")
		if _, rest, found := strings.Cut(r.scrape(), counted); found {
			fmt.Sscan(rest, &n)
		}
		return n
	}
	before := checks()
	for deadline := time.Now().Add(patience); checks() < before+more; time.Sleep(10 * time.Millisecond) { // there is no event to wait for
		if time.Now().After(deadline) {
			r.t.Fatalf("%s was asked %d times, and %d times before", service, checks(), before)
		}
	}
}

func TestAChildThatIsMerelySlowIsNotReplaced(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "slow"}})
	r.awaitReady()
	before := r.instance("web")
	r.awaitHealthChecks("web", 3)
	if now := r.instance("web"); now.Pid != before.Pid || now.Restarts != 0 || now.Status != client.StatusReady {
		t.Errorf("it is %+v", now)
	}
}

func TestAChildThatIsStoppedForAMomentIsNotReplaced(t *testing.T) {
	settings := testSettings()
	settings.HealthTimeout = patience
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {}}, settings)
	r.serve()
	r.awaitReady()
	before := r.instance("web")
	for range 3 {
		if err := r.Crash(t.Context(), "web", syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		conn, err := net.DialTimeout("unix", r.paths.Socket("web", ""), patience)
		if err != nil {
			t.Fatalf("a caller of a stopped child is refused: %v", err)
		}
		defer conn.Close()
		if err := errors.Join(conn.SetDeadline(time.Now().Add(patience)), syscall.Kill(before.Pid, syscall.SIGCONT)); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(conn); err != nil || string(answer) != fmt.Sprint(before.Pid) {
			t.Errorf("the caller gets %q, %v", answer, err)
		}
		r.awaitHealthChecks("web", 1)
	}
	if now := r.instance("web"); now.Pid != before.Pid || now.Restarts != 0 || now.LastExit != nil {
		t.Errorf("it is %+v", now)
	}
}

func TestAChildThatIsKilledWhileItStartsIsStartedAgain(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {behaviour: "careful"}, "front": {needs: []string{"web"}}}, testSettings())
	held := r.holdBack("web")
	r.serve()
	held.awaitChild()
	first := r.instance("web")
	if first.Status != client.StatusStarting || first.Pid == 0 {
		t.Errorf("while it starts it is %+v", first)
	}
	if err := syscall.Kill(first.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.awaitReady()
	if now := r.instance("web"); now.Pid == first.Pid || now.Restarts != 1 || now.LastExit == nil || now.LastExit.Signal != "SIGKILL" {
		t.Errorf("afterwards it is %+v", now)
	}
	if now := r.instance("front"); now.Restarts != 0 {
		t.Errorf("what needs it is %+v", now)
	}
}

func TestAChildThatIsKilledWhileTheRuntimeStopsIsNotStartedAgain(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "slow to drain"}, "base": {}})
	r.awaitReady()
	before, held := r.instance("web"), r.holdBack("web")
	r.cancel()
	held.awaitChild()
	if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	now := r.instance("web")
	if now.Status != client.StatusStopped || now.Restarts != 0 || now.LastExit == nil || now.LastExit.Signal != "SIGKILL" {
		t.Errorf("it is %+v", now)
	}
	if !processIsGone(before.Pid) {
		t.Errorf("process %d is left", before.Pid)
	}
}

func TestTwoChildrenThatDieAtOnceAreBothReplaced(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"base": {}, "web": {needs: []string{"base"}}, "other": {}})
	r.awaitReady()
	before := map[string]client.Instance{}
	for _, name := range []string{"base", "web", "other"} {
		before[name] = r.instance(name)
	}
	for _, name := range []string{"base", "web"} {
		if err := syscall.Kill(before[name].Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"base", "web"} {
		if answer, err := r.ask(name); err != nil || answer == "" || answer == fmt.Sprint(before[name].Pid) {
			t.Errorf("%s answers %q, %v", name, answer, err)
		}
		r.await(name+" is replaced", func() bool {
			now := r.instance(name)
			return now.Status == client.StatusReady && now.Restarts == 1
		})
	}
	if now := r.instance("other"); now.Pid != before["other"].Pid {
		t.Errorf("the other service is %+v", now)
	}
}

// A grandchild that left its process group is ended beside the next start. It holds the
// child's log open: nobody may wait for its end.
func TestAGrandchildThatHoldsTheLogOpenDelaysNothing(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "log keeper"}})
	r.awaitReady()
	before := r.instance("web")
	if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.await("it is replaced", func() bool {
		now := r.instance("web")
		return now.Status == client.StatusReady && now.Pid != before.Pid
	})
	keepers := r.grandchildren("web")
	t.Cleanup(func() {
		for _, pid := range keepers {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if len(keepers) != 2 {
		t.Fatalf("the grandchildren are %v", keepers)
	}
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	status, err := r.Status(t.Context(), "web")
	if err != nil || !strings.Contains(strings.Join(status.Exits[0].LastLines, "\n"), fmt.Sprint("grandchild ", keepers[0])) {
		t.Errorf("the status is %+v, %v", status, err)
	}
	if !processIsGone(keepers[0]) && !isZombie(keepers[0]) {
		t.Errorf("grandchild %d has survived", keepers[0])
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestAChildThatFillsItsLogFillsNoDisk(t *testing.T) {
	settings := testSettings()
	settings.LogBytes = 256 << 10
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {behaviour: "talkative"}}, settings)
	r.serve()
	r.awaitReady()
	before := r.instance("web")
	for range 64 { // with each answer it writes 1 MiB
		if answer, err := r.ask("web"); err != nil || answer != fmt.Sprint(before.Pid) {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	onDisk := func() (sum int64) {
		logs, _ := filepath.Glob(r.paths.Log("web") + "*")
		for _, path := range logs {
			if info, err := os.Stat(path); err == nil {
				sum += info.Size()
			}
		}
		return sum
	}
	most := 2 * int64(settings.LogBytes)                                                           // the log, and one older file
	for deadline := time.Now().Add(patience); onDisk() > most; time.Sleep(10 * time.Millisecond) { // there is no event to wait for
		if time.Now().After(deadline) {
			t.Fatalf("of 64 MiB are %d bytes on disk, and %d are allowed", onDisk(), most)
		}
	}
	if now := r.instance("web"); now.Pid != before.Pid || now.Status != client.StatusReady {
		t.Errorf("it is %+v", now)
	}
	if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if status, err := r.Status(t.Context(), "web"); err != nil || len(status.Exits[0].LastLines) == 0 {
		t.Errorf("the last words are lost: %+v, %v", status.Exits, err)
	}
}
