package supervisor

import (
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// rowsOf returns the rows of the list that a service has.
func (r *runtime) rowsOf(service string) (rows []client.Instance) {
	for _, row := range r.List() {
		if row.Service == service {
			rows = append(rows, row)
		}
	}
	return rows
}

// checkDraining looks at the rows of a service of which a process drains beside its replacement.
func (r *runtime) checkDraining(rows []client.Instance, before client.Instance) {
	r.t.Helper()
	if len(rows) != 2 {
		r.t.Fatalf("the rows are %+v", rows)
	}
	present, replaced := rows[0], rows[1]
	if present.Status != client.StatusReady || present.Pid == before.Pid || present.Replaced() {
		r.t.Errorf("the present one is %+v", present)
	}
	if replaced.Instance != before.Instance || replaced.Status != client.StatusStopping || replaced.Pid != before.Pid ||
		replaced.Incarnation != before.Incarnation || replaced.ReplacedBy != present.Incarnation || replaced.Message == "" {
		r.t.Errorf("the replaced one is %+v", replaced)
	}
	if replaced.RSSBytes == 0 || replaced.UptimeSeconds <= present.UptimeSeconds {
		r.t.Errorf("the replaced one takes %d bytes, %v s after its start; the present one runs for %v s", replaced.RSSBytes, replaced.UptimeSeconds, present.UptimeSeconds)
	}
}

func TestAProcessThatDrainsAfterARestartIsARowUntilItHasGone(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "slow to drain"}, "a": {}})
	r.awaitReady()
	before := r.instance("web")
	held := r.holdBack("web")
	if err := r.Restart(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	order := held.awaitChild()
	r.checkDraining(r.rowsOf("web"), before)
	status, err := r.Status(t.Context(), "web")
	if err != nil || status.Replicas != 1 {
		t.Errorf("its status: %v, %d replicas", err, status.Replicas)
	}
	r.checkDraining(status.Instances, before)
	if pids := r.rowsOf("a"); len(pids) != 1 {
		t.Errorf("the rows of a sibling are %+v", pids)
	}
	order("go on")
	r.await("the replaced one has gone", func() bool { return len(r.rowsOf("web")) == 1 })
	if !processIsGone(before.Pid) {
		t.Errorf("process %d has no row, and runs", before.Pid)
	}
}

func TestAProcessThatDrainsUnaskedIsARowWhenItIsReplaced(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "slow to drain"}})
	r.awaitReady()
	before := r.instance("web")
	held := r.holdBack("web")
	if err := r.Crash(t.Context(), "web", syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	order := held.awaitChild()
	r.await("another one serves", func() bool {
		now := r.instance("web")
		return now.Status == client.StatusReady && now.Pid != before.Pid
	})
	r.checkDraining(r.rowsOf("web"), before)
	order("go on")
	r.await("the replaced one has gone", func() bool { return len(r.rowsOf("web")) == 1 })
}

func TestAnInstanceThatIsScaledAwayIsARowUntilItHasDrained(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "slow to drain"}})
	r.awaitReady()
	if err := r.Scale(t.Context(), "web", 2); err != nil {
		t.Fatal(err)
	}
	before := r.rowsOf("web")[1]
	held, scaled := r.holdBack("web"), make(chan error, 1)
	go func() { scaled <- r.Scale(t.Context(), "web", 1) }()
	order := held.awaitChild()
	if rows := r.rowsOf("web"); len(rows) != 2 || rows[1].Instance != "web-2" || rows[1].Status != client.StatusStopping ||
		rows[1].Pid != before.Pid || rows[1].RSSBytes == 0 || rows[1].Replaced() {
		t.Errorf("while it drains the rows are %+v", rows)
	}
	order("go on")
	if err := <-scaled; err != nil {
		t.Error(err)
	}
	if rows := r.rowsOf("web"); len(rows) != 1 {
		t.Errorf("when it has gone the rows are %+v", rows)
	}
}

func TestKillEndsWhatStillDrainsAndLeavesOneRow(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "slow to drain"}})
	r.awaitReady()
	held := r.holdBack("web")
	if err := r.Restart(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	order := held.awaitChild()
	killed := make(chan error, 1)
	go func() { killed <- r.Kill(t.Context(), "web") }()
	r.await("the present one has gone", func() bool { return r.instance("web").Pid == 0 })
	if rows := r.rowsOf("web"); len(rows) != 2 || rows[0].Status != client.StatusStopping || rows[1].Pid == 0 {
		t.Errorf("while the replaced one drains the rows are %+v", rows)
	}
	order("go on")
	if err := <-killed; err != nil {
		t.Error(err)
	}
	if rows := r.rowsOf("web"); len(rows) != 1 || rows[0].Status != client.StatusStopped {
		t.Errorf("afterwards the rows are %+v", rows)
	}
}
