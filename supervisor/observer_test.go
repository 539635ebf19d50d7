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
