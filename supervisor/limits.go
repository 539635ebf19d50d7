package supervisor

import (
	"errors"
	"fmt"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/cgroup"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// Limits returns what the kernel shall limit of a service's child whose share of the memory
// is given; 0: no limit. Processes and CPU are limited only where it is isolated.
func Limits(d plugins.Declaration, hardBytes uint64) cgroup.Limits {
	limits := cgroup.Limits{HardBytes: hardBytes}
	if isIsolated(d) {
		profile := d.Profile.Limits.WithDefaults()
		limits.Tasks, limits.CPUPercent = profile.Processes, profile.CPUPercent
	}
	return limits
}

// limitLayers says which limits a child has by its control group.
func (svc *service) limitLayers(incarnation string) []client.Layer {
	budget := svc.supervisor.memory
	group, limits := budget.group(incarnation), Limits(svc.declaration, budget.share(svc).HardBytes)
	if group != nil { // it keeps those that it was born with
		limits = group.Limits()
	}
	var bytes, tasks, percent string
	if limits.HardBytes > 0 {
		bytes = fmt.Sprintf("%d MiB", limits.HardBytes>>20)
	}
	if limits.Tasks > 0 {
		tasks = fmt.Sprintf("%d processes and threads", limits.Tasks)
	}
	if limits.CPUPercent > 0 {
		percent = fmt.Sprintf("%d %% of one processor", limits.CPUPercent)
	}
	return []client.Layer{
		limitLayer(sandbox.LayerMemory, bytes, budget.groups.Support(cgroup.Memory), without(group, cgroup.Memory)),
		limitLayer(sandbox.LayerTasks, tasks, budget.groups.Support(cgroup.Tasks), without(group, cgroup.Tasks)),
		limitLayer(sandbox.LayerCPU, percent, budget.groups.Support(cgroup.CPU), without(group, cgroup.CPU)),
	}
}

// errNoGroup is why a child that has ended has no limits any more.
var errNoGroup = errors.New("the child is in no control group")

// without returns why a limit does not apply to the child in a group.
func without(group *cgroup.Group, c cgroup.Controller) error {
	if group == nil {
		return errNoGroup
	}
	return group.Without(c)
}

// limitLayer says whether a limit applies; limit describes it, and is empty where there is none.
func limitLayer(name, limit string, support cgroup.Support, without error) client.Layer {
	switch {
	case limit == "" && name == sandbox.LayerMemory:
		return client.Layer{Name: name, State: client.LayerOff, Detail: "how much memory there is is not known", Remedy: "set OCIS_MEMORY_LIMIT"}
	case limit == "":
		return client.Layer{Name: name, State: client.LayerOff, Detail: "the profile sets none"}
	case support.By == cgroup.ByNone:
		return client.Layer{Name: name, State: client.LayerMissing, Detail: support.Reason, Remedy: support.Remedy}
	case without != nil:
		return client.Layer{Name: name, State: client.LayerMissing, Detail: without.Error()}
	}
	return client.Layer{Name: name, State: client.LayerEnforced, Detail: limit}
}
