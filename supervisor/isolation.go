package supervisor

import (
	"slices"
	"strings"
	"sync"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// sandboxes are what is known of the children that are isolated. The zero value knows none.
type sandboxes struct {
	mu     sync.Mutex
	layers map[string][]client.Layer // by incarnation
}

func (s *sandboxes) built(incarnation string, layers []client.Layer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.layers == nil {
		s.layers = map[string][]client.Layer{}
	}
	s.layers[incarnation] = layers
}

func (s *sandboxes) forget(incarnation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.layers, incarnation)
}

// of returns the layers around a child; nil: it is not isolated.
func (s *sandboxes) of(incarnation string) []client.Layer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.layers[incarnation])
}

// isolate says how a child of the service is isolated that is executed as spec says.
func (svc *service) isolate(spec *child.Spec) error {
	s := svc.supervisor
	box, err := NewSandbox(svc.declaration, s.options.Paths, s.options.Executable, spec.Path, s.options.Excerpt)
	if err != nil {
		return err
	}
	incarnation := spec.Incarnation
	box.Built = func(layers []client.Layer) { svc.sandboxBuilt(incarnation, layers) }
	spec.Sandbox, spec.Environ = box, setVariables(spec.Environ, s.options.Paths.Environ())
	return nil
}

// ForSandbox returns the environment that a service's children have of environ, before the
// sandbox cuts it.
func ForSandbox(environ []string, d plugins.Declaration, all []plugins.Declaration, paths config.Paths) []string {
	return setVariables(forChildren(environ, d, all), paths.Environ())
}

// NewSandbox returns what a child of a service is isolated by. binary is the main one,
// program is what is executed, and excerpt is that of Options.
func NewSandbox(d plugins.Declaration, paths config.Paths, binary, program string, excerpt func([]string) ([]byte, error)) (*child.Sandbox, error) {
	plan, err := sandbox.NewPlan(d, paths, d.Profile.Isolate != plugins.IsolationBestEffort, program)
	if err != nil {
		return nil, err
	}
	settings, err := excerpt(slices.Concat([]string{d.Name, "log"}, d.Profile.Settings))
	return &child.Sandbox{Plan: plan, Binary: binary, Settings: settings}, err
}

// sandboxBuilt notes what a child is isolated by, and says when that is less than it could be.
func (svc *service) sandboxBuilt(incarnation string, layers []client.Layer) {
	s := svc.supervisor
	s.sandboxes.built(incarnation, layers)
	for _, layer := range layers {
		if layer.State == client.LayerMissing && !sandbox.Full(layers) {
			s.log.WithField("service", svc.declaration.Name).Warnf("%s is isolated without %s: %s", svc.declaration.Name, layer.Name, layer.Detail)
		}
	}
}

// setVariables replaces variables: the first of that name would count.
func setVariables(environ, variables []string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(old string) bool {
		name, _, _ := strings.Cut(old, "=")
		return slices.ContainsFunc(variables, func(new string) bool { return strings.HasPrefix(new, name+"=") })
	})
	return append(kept, variables...)
}

// layersOf returns all layers around a child, those of its control group included.
func (svc *service) layersOf(incarnation string) []client.Layer {
	layers := svc.supervisor.sandboxes.of(incarnation)
	if layers == nil {
		return nil
	}
	return append(layers, svc.limitLayers(incarnation)...)
}

// describeIsolation says how the service is isolated: as its first child is that runs.
func (svc *service) describeIsolation() client.Isolation {
	d := svc.declaration
	described := client.Isolation{Mode: string(d.Profile.Isolate), Profile: d.Profile, Layers: []client.Layer{}}
	if !isIsolated(d) {
		described.Mode = string(plugins.IsolationOff)
		described.Message = "isolate it with `ocis server --isolate=" + d.Name + "`"
		return described
	}
	described.Message = "no child of it runs"
	for _, i := range svc.all() {
		if layers := svc.layersOf(i.Snapshot().Incarnation); layers != nil {
			sandbox.Sort(layers)
			described.Layers, described.Score, described.Message = layers, sandbox.Score(layers), ""
			break
		}
	}
	return described
}

// howIsolated returns what the list says of a child.
func (s *Supervisor) howIsolated(incarnation string) (isolated bool, how string) {
	switch layers := s.sandboxes.of(incarnation); {
	case layers == nil:
		return false, ""
	case sandbox.Full(layers):
		return true, "full"
	}
	return false, "partial"
}
