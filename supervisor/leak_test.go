package supervisor

import (
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// TestKillsLeaveNothingBehind is slow. make bench does the same with thousands of kills.
func TestKillsLeaveNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of processes are started")
	}
	settings := testSettings()
	settings.BackoffStable = time.Nanosecond // each kill is the first
	children := map[string]testChild{}
	for n := range 4 {
		children[fmt.Sprintf("s%d", n)] = testChild{}
	}
	r := prepareRuntime(t, tempDir(t), children, settings)
	r.serve()
	r.awaitReady()
	const few, many = 10, 100 // of each
	r.killEach(few)
	descriptors, goroutines := openDescriptors(t), r.settledGoroutines(0)
	r.killEach(many)
	if now := r.settledGoroutines(goroutines); now > goroutines {
		var where strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&where, 1)
		t.Errorf("%d goroutines, %d after many kills:\n%s", goroutines, now, where.String())
	}
	if now := openDescriptors(t); now > descriptors {
		t.Errorf("%d descriptors, %d after many kills", descriptors, now)
	}
	if left := entries(t, r.controlDir()); left > len(children) {
		t.Errorf("%d control folders of %d children", left, len(children))
	}
}

// killEach kills the child of every service so many times, each when the one before is replaced.
func (r *runtime) killEach(times int) {
	r.t.Helper()
	var killing sync.WaitGroup
	for _, name := range r.Names() {
		killing.Go(func() {
			for range times {
				before := r.instance(name)
				if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
					r.t.Errorf("kill %s: %v", name, err)
					return
				}
				if !r.replaced(name, before.Pid) {
					r.t.Errorf("%s is not replaced: %+v", name, r.instance(name))
					return
				}
			}
		})
	}
	killing.Wait()
}

func (r *runtime) replaced(name string, pid int) bool {
	expired := time.After(patience)
	for {
		_, changed := r.History().Since(0)
		if now := r.instance(name); now.Status == client.StatusReady && now.Pid != pid {
			return true
		}
		select {
		case <-changed:
		case <-expired:
			return false
		}
	}
}

// settledGoroutines counts those of this process when what the last kills left is over: no
// more than wanted, or after patience.
func (r *runtime) settledGoroutines(wanted int) int {
	expired := time.Now().Add(patience)
	lowest := pprof.Lookup("goroutine").Count()
	for stable := 0; stable < 20 && time.Now().Before(expired); {
		<-time.After(10 * time.Millisecond)
		now := pprof.Lookup("goroutine").Count()
		switch {
		case wanted > 0 && now <= wanted:
			return now
		case now < lowest:
			lowest, stable = now, 0
		case wanted == 0:
			stable++
		}
	}
	return lowest
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	return entries(t, "/proc/self/fd")
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
