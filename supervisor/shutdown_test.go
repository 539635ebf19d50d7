package supervisor

import (
	"maps"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/graph"
)

func TestEachServiceLeavesTimeForWhatItNeeds(t *testing.T) {
	for name, test := range map[string]struct {
		needs map[string][]string
		whole time.Duration
		want  map[string]time.Duration
	}{
		"alone": {map[string][]string{"a": nil}, 15 * time.Second, map[string]time.Duration{"a": 15 * time.Second}},
		"a chain": {
			map[string][]string{"proxy": {"webdav"}, "webdav": {"storage"}, "storage": nil}, 15 * time.Second,
			map[string]time.Duration{"proxy": 11 * time.Second, "webdav": 13 * time.Second, "storage": 15 * time.Second},
		},
		"the longest way counts": {
			map[string][]string{"proxy": {"webdav", "storage"}, "webdav": {"storage"}, "storage": nil, "web": nil}, 15 * time.Second,
			map[string]time.Duration{"proxy": 11 * time.Second, "webdav": 13 * time.Second, "storage": 15 * time.Second, "web": 15 * time.Second},
		},
		"little time": {
			map[string][]string{"proxy": {"storage"}, "storage": nil}, 3 * time.Second,
			map[string]time.Duration{"proxy": 2 * time.Second, "storage": 3 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := graph.New(test.needs)
			if err != nil {
				t.Fatal(err)
			}
			if got := stopBounds(g, test.whole); !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestAServiceThatDoesNotDrainDoesNotKeepOthersFromIt(t *testing.T) {
	settings := testSettings()
	settings.StopBound = patience / 4
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"proxy": {behaviour: "stubborn", needs: []string{"web"}}, "web": {}}, settings)
	r.serve()
	r.awaitReady()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if last := r.instance("proxy").LastExit; last == nil || last.Code == plugins.ExitDrained {
		t.Errorf("the stubborn one: %+v", last)
	}
	if last := r.instance("web").LastExit; last == nil || last.Code != plugins.ExitDrained || last.Signal != "" {
		t.Errorf("what it needs: %+v", last)
	}
}

func TestAPanicOfTheRuntimeItselfCostsOneChildAndNobodyElseNotices(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}, "other": {}})
	r.awaitReady()
	before, other := r.instance("web"), r.instance("other")
	r.nodes.mu.Lock()
	r.nodes.panic = "web-1"
	r.nodes.mu.Unlock()
	_ = r.Restart(t.Context(), "web") // what becomes of the command is not the question
	r.await("web is ready again", func() bool {
		now := r.instance("web")
		return now.Status == client.StatusReady && now.Pid != before.Pid
	})
	if !processIsGone(before.Pid) {
		t.Errorf("process %d is left", before.Pid)
	}
	if now := r.instance("other"); now.Pid != other.Pid {
		t.Errorf("the other service is %+v", now)
	}
	if err := r.Kill(t.Context(), "web"); err != nil {
		t.Errorf("the instance takes no commands: %v", err)
	}
}
