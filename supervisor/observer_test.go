package supervisor

import (
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/instance"
)

func TestTheRegistryListsWhatAnswersAndWhatIsAboutToBeReplaced(t *testing.T) {
	nodes := []plugins.Registration{{Service: "web"}}
	for name, test := range map[string]struct {
		now  instance.Snapshot
		want bool
	}{
		"ready":                            {instance.Snapshot{Status: client.StatusReady, Wanted: true, Nodes: nodes}, true},
		"draining before a restart":        {instance.Snapshot{Status: client.StatusStopping, Wanted: true, Nodes: nodes}, true},
		"draining to stay stopped":         {instance.Snapshot{Status: client.StatusStopping, Nodes: nodes}, false},
		"restarted before it was ready":    {instance.Snapshot{Status: client.StatusStopping, Wanted: true}, false},
		"unhealthy":                        {instance.Snapshot{Status: client.StatusUnhealthy, Wanted: true, Nodes: nodes}, false},
		"starting after its process ended": {instance.Snapshot{Status: client.StatusStarting, Wanted: true}, false},
		"stopped":                          {instance.Snapshot{Status: client.StatusStopped}, false},
	} {
		if got := listed(test.now); got != test.want {
			t.Errorf("%s: listed %v, want %v", name, got, test.want)
		}
	}
}

func TestAChildCannotAnnounceItselfAsAnotherService(t *testing.T) {
	r := prepareRuntime(t, tempDir(t), map[string]testChild{"web": {}, "users": {}}, testSettings())
	o := &observer{supervisor: r.Supervisor, service: r.services["web"]}
	listed := o.mayAnnounce(instance.Snapshot{Service: "web", Name: "web-1", Nodes: []plugins.Registration{
		{Service: "web", NodeID: "1"}, {Service: "users", NodeID: "2"}, {Service: "example.web.api", NodeID: "3"},
	}})
	if len(listed) != 2 || listed[0].NodeID != "1" || listed[1].NodeID != "3" {
		t.Errorf("listed are %+v", listed)
	}
}
