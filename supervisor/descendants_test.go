package supervisor

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

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
