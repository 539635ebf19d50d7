package supervisor

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

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
