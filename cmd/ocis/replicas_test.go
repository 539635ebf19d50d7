package main

import (
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// instancesOf returns what runs of a service.
func instancesOf(t *testing.T, server *ocistest.Server, service string) (ready []client.Instance) {
	t.Helper()
	all, err := server.Runtime().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Service == service && i.Status == client.StatusReady {
			ready = append(ready, i)
		}
	}
	return ready
}

func TestScalingUpAndDownLosesNoRequest(t *testing.T) {
	server := withFile(t, "OCIS_REPLICAS=frontend=2")
	if ready := instancesOf(t, server, "frontend"); len(ready) != 2 {
		t.Errorf("of frontend run %+v", ready)
	}
	asking := ask(t, server, 3, false)
	for _, step := range []struct {
		wish string
		want int
	}{{"webdav=3", 3}, {"proxy=2", 2}, {"web=2", 2}, {"webdav=1", 1}, {"proxy=1", 1}, {"webdav=2", 2}, {"frontend=1", 1}} {
		if _, stderr, code := server.Ocis("scale", step.wish); code != 0 {
			t.Errorf("scale %s: %d %s", step.wish, code, stderr)
		}
		service, _, _ := strings.Cut(step.wish, "=")
		if ready := instancesOf(t, server, service); len(ready) != step.want {
			t.Errorf("after scale %s run %+v", step.wish, ready)
		}
	}
	server.KillHard("storage")
	asking.end()
	if asking.failed.Load() != 0 {
		t.Errorf("%d of %d requests failed", asking.failed.Load(), asking.asked.Load())
	}
	if _, stderr, code := server.Ocis("scale", "storage=2"); code != 1 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("what owns its data alone was scaled: %d %s", code, stderr)
	}
}

func TestWhatCannotBeScaledIsSaidBeforeAnythingIs(t *testing.T) {
	server := ocistest.Start(t)
	before := server.List()
	for wishes, want := range map[string]int{
		"web=2 nosuch=2": 2, "web=2 storage=2": 1, "web=2 webdav=0": 2, "web=2 webdav=65": 2, "web=2 webdav=-1": 2,
		"web=2 webdav=many": 2, "web=2 webdav": 2, "web=2 web=3": 2, "web=2 webdav-1=2": 2, "": 2,
	} {
		_, stderr, code := server.Ocis(append([]string{"scale"}, strings.Fields(wishes)...)...)
		if code != want || strings.Count(stderr, "\n") != 1 {
			t.Errorf("scale %s: %d, want %d; %s", wishes, code, want, stderr)
		}
		if ready := instancesOf(t, server, "web"); len(ready) != 1 || ready[0].Pid != before["web"].Pid {
			t.Fatalf("scale %s: of web run %+v", wishes, ready)
		}
	}
	if stdout, stderr, code := server.Ocis("scale", "web=2", "frontend=2"); code != 0 || strings.Count(stdout, " is ready") != 4 {
		t.Errorf("two at once: %d %s%s", code, stdout, stderr)
	}
}
