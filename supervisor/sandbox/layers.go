package sandbox

import (
	"math"
	"slices"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// The layers, by the names that people see.
const (
	LayerUser         = "user namespace"
	LayerProcesses    = "process namespace"
	LayerFiles        = "file tree"
	LayerNetwork      = "network namespace"
	LayerIPC          = "ipc namespace"
	LayerHostname     = "uts namespace"
	LayerProc         = "/proc"
	LayerLandlock     = "landlock"
	LayerSeccomp      = "seccomp"
	LayerPrivileges   = "no new privileges"
	LayerCapabilities = "capabilities"
	LayerLimits       = "resource limits"
	LayerEnvironment  = "environment"
	LayerMemory       = "memory limit"
	LayerTasks        = "process limit"
	LayerCPU          = "cpu limit"
)

// layer says what a layer is worth, and whether isolation promises it.
type layer struct {
	name     string
	weight   float64 // of a sum of 10
	promised bool    // strict isolation fails without it
}

// layers are all there are, in the order in which people see them. What needs a control
// group is not promised: an ordinary user has none on many machines.
var layers = []layer{
	{LayerUser, 1, true},
	{LayerProcesses, 0.75, true},
	{LayerFiles, 1.5, true},
	{LayerNetwork, 1.25, true},
	{LayerIPC, 0.25, true},
	{LayerHostname, 0.25, true},
	{LayerProc, 0.5, false},
	{LayerLandlock, 1, true},
	{LayerSeccomp, 1.25, true},
	{LayerPrivileges, 0.5, true},
	{LayerCapabilities, 0.5, true},
	{LayerLimits, 0.25, true},
	{LayerEnvironment, 0.25, true},
	{LayerMemory, 0.25, false},
	{LayerTasks, 0.25, false},
	{LayerCPU, 0.25, false},
}

// promised tells whether strict isolation fails without a layer.
func promised(name string) bool {
	return slices.ContainsFunc(layers, func(l layer) bool { return l.name == name && l.promised })
}

// Full tells whether every layer that isolation promises is enforced, or left out by the
// profile.
func Full(report []client.Layer) bool {
	return !slices.ContainsFunc(layers, func(l layer) bool {
		return l.promised && stateOf(report, l.name) == client.LayerMissing
	})
}

// Score returns how closed a sandbox is: 0 is open, 10 has every layer.
func Score(report []client.Layer) float64 {
	sum := 0.0
	for _, l := range layers {
		if stateOf(report, l.name) == client.LayerEnforced {
			sum += l.weight
		}
	}
	return math.Round(sum*10) / 10
}

// stateOf returns missing for a layer of which the report does not speak.
func stateOf(report []client.Layer, name string) client.LayerState {
	for _, l := range report {
		if l.Name == name {
			return l.State
		}
	}
	return client.LayerMissing
}

// Sort brings a report into the order in which people see it.
func Sort(report []client.Layer) {
	rank := func(name string) int {
		return slices.IndexFunc(layers, func(l layer) bool { return l.name == name })
	}
	slices.SortStableFunc(report, func(x, y client.Layer) int { return rank(x.Name) - rank(y.Name) })
}
