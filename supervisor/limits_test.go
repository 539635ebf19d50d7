package supervisor

import (
	"errors"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

func TestOnlyWhoIsIsolatedHasLimitsBesideTheMemory(t *testing.T) {
	own := plugins.Limits{Processes: 40, CPUPercent: 50}
	for name, c := range map[string]struct {
		profile plugins.Profile
		want    cgroup.Limits
	}{
		"nobody said anything":     {plugins.Profile{Limits: own}, cgroup.Limits{HardBytes: 7}},
		"switched off":             {plugins.Profile{Isolate: plugins.IsolationOff, Limits: own}, cgroup.Limits{HardBytes: 7}},
		"isolated":                 {plugins.Profile{Isolate: plugins.IsolationStrict, Limits: own}, cgroup.Limits{HardBytes: 7, Tasks: 40, CPUPercent: 50}},
		"isolated, by the default": {plugins.Profile{Isolate: plugins.IsolationBestEffort}, cgroup.Limits{HardBytes: 7, Tasks: plugins.DefaultProcesses}},
	} {
		if got := Limits(plugins.Declaration{Name: "web", Profile: c.profile}, 7); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestALimitIsReportedAsItIs(t *testing.T) {
	possible := cgroup.Support{By: cgroup.ByVersion1}
	impossible := cgroup.Support{By: cgroup.ByNone, Reason: "it is read-only", Remedy: "be root"}
	for name, c := range map[string]struct {
		layer, limit string
		support      cgroup.Support
		without      error
		want         client.Layer
	}{
		"enforced":        {sandbox.LayerTasks, "512 processes and threads", possible, nil, client.Layer{State: client.LayerEnforced, Detail: "512 processes and threads"}},
		"impossible":      {sandbox.LayerTasks, "512 processes and threads", impossible, errNoGroup, client.Layer{State: client.LayerMissing, Detail: "it is read-only", Remedy: "be root"}},
		"it went wrong":   {sandbox.LayerTasks, "512 processes and threads", possible, errors.New("disk on fire"), client.Layer{State: client.LayerMissing, Detail: "disk on fire"}},
		"none is wanted":  {sandbox.LayerCPU, "", impossible, nil, client.Layer{State: client.LayerOff, Detail: "the profile sets none"}},
		"no budget known": {sandbox.LayerMemory, "", possible, nil, client.Layer{State: client.LayerOff, Detail: "how much memory there is is not known", Remedy: "set OCIS_MEMORY_LIMIT"}},
	} {
		c.want.Name = c.layer
		if got := limitLayer(c.layer, c.limit, c.support, c.without); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
