package supervisor

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// limited starts a runtime with a small budget, where the machine has hard limits.
func limited(t *testing.T, children map[string]testChild) *runtime {
	t.Helper()
	if support := cgroup.Examine(cgroup.Memory); support.By == cgroup.ByNone {
		t.Skipf("no hard limits here: %s", support.Reason)
	}
	settings := testSettings()
	settings.MemoryLimit = 768 << 20
	r := prepareRuntime(t, tempDir(t), children, settings)
	r.serve()
	return r
}

func TestAChildThatTakesTooMuchMemoryDiesAloneAndTheRecordSaysSo(t *testing.T) {
	r := limited(t, map[string]testChild{"glutton": {behaviour: "glutton"}, "web": {}})
	before := r.awaitStatus("web", client.StatusReady)
	r.await("there is a record", func() bool { return r.instance("glutton").LastExit != nil })
	last := r.instance("glutton").LastExit
	if last.Cause != client.CauseMemory || last.Signal != "SIGKILL" || !strings.HasPrefix(last.Message, "out of memory") {
		t.Errorf("the record is %+v", last)
	}
	if now := r.instance("web"); now.Pid != before.Pid || now.LastExit != nil {
		t.Errorf("web was %+v, is %+v", before, now)
	}
}

func TestAChildKnowsItsSoftLimitAndHasItsHardOne(t *testing.T) {
	r := limited(t, map[string]testChild{"web": {}})
	web := r.awaitStatus("web", client.StatusReady)
	status, err := r.Status(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if status.Memory.HardBytes != 384<<20 || status.Memory.HardBy == string(cgroup.ByNone) || web.MemoryLimitBytes != status.Memory.HardBytes {
		t.Errorf("%+v, the instance has %d", status.Memory, web.MemoryLimitBytes)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", web.Pid))
	if want := fmt.Sprintf("GOMEMLIMIT=%d\x00", status.Memory.SoftBytes); err != nil || !strings.Contains(string(environ), want) {
		t.Errorf("%v: %q is not in %q", err, want, environ)
	}
}

func TestNothingIsKeptForAnInstanceThatWasScaledAway(t *testing.T) {
	r := limited(t, map[string]testChild{"web": {}})
	r.awaitReady()
	bases, err := os.ReadFile(filepath.Join(r.paths.Run, "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(string(bases), "\n") // that of the memory
	for range 2 {
		if err := errors.Join(r.Scale(t.Context(), "web", 3), r.Scale(t.Context(), "web", 1)); err != nil {
			t.Fatal(err)
		}
		groups, err := filepath.Glob(filepath.Join(base, "web-*"))
		if err != nil || len(groups) == 0 {
			t.Fatalf("%v: web-1 has no group in %s", err, base)
		}
		for _, group := range groups {
			if !strings.HasPrefix(filepath.Base(group), "web-1.") {
				t.Errorf("%s is left", group)
			}
		}
		if kept := slices.Collect(maps.Keys(r.memory.amiss)); len(kept) != 1 {
			t.Errorf("the budget remembers %v", kept)
		}
	}
}

func TestAKilledChildGetsTheSpareGroupAndLeavesNone(t *testing.T) {
	r := limited(t, map[string]testChild{"web": {}})
	seen := map[string]bool{}
	for range 4 {
		web := r.awaitStatus("web", client.StatusReady)
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", web.Pid))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(groups)] = true
		if err := r.Crash(t.Context(), "web", 9); err != nil {
			t.Fatal(err)
		}
		r.await("web is replaced", func() bool {
			now := r.instance("web")
			return now.Status == client.StatusReady && now.Pid != web.Pid && now.LastExit != nil && now.LastExit.Pid == web.Pid
		})
		if cause := r.instance("web").LastExit.Cause; cause != client.CauseSignal {
			t.Errorf("the cause is %s", cause)
		}
	}
	if len(seen) != 2 {
		t.Errorf("four children were in %d groups: %v", len(seen), seen)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(r.paths.Run, "cgroup")); !os.IsNotExist(err) {
		t.Errorf("the record of the groups is left: %v", err)
	}
}
