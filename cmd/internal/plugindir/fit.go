package plugindir

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/graph"
)

// refuseAddresses refuses who wants a TCP address that is another service's.
func (f *Folder) refuseAddresses(builtin []plugins.Declaration) {
	holders := map[string]string{}
	for _, d := range builtin {
		for _, s := range d.Sockets {
			holders[s.Network+s.Address] = d.Name
		}
	}
	f.Plugins = slices.DeleteFunc(f.Plugins, func(p Plugin) bool {
		name := p.Declaration.Name
		for n, s := range p.Declaration.Sockets {
			if holder, held := holders[s.Network+s.Address]; held {
				f.refuse(name, p.manifest.Error(fmt.Sprintf("sockets[%d].address", n), "%s is that of %s: choose another", s.Address, holder))
				return true
			}
		}
		for _, s := range p.Declaration.Sockets {
			holders[s.Network+s.Address] = name
		}
		return false
	})
}

// refuseNeeds refuses plugins until the needs of all services fit together. That leaves the
// built-in ones, which need no plugin.
func (f *Folder) refuseNeeds(builtin []plugins.Declaration) {
	for {
		needs := map[string][]string{}
		for _, d := range builtin {
			needs[d.Name] = d.Needs
		}
		for _, p := range f.Plugins {
			needs[p.Declaration.Name] = p.Declaration.Needs
		}
		_, err := graph.New(needs)
		if err == nil || !f.refuseGuilty(err) {
			return
		}
	}
}

// refuseGuilty refuses those of whom an error of the graph speaks, and tells whether there
// was any.
func (f *Folder) refuseGuilty(problem error) (any bool) {
	var unknown *graph.UnknownError
	var cycle *graph.CycleError
	var guilty []string
	why := ""
	switch {
	case errors.As(problem, &unknown):
		guilty = []string{unknown.Service}
		why = f.needless(unknown)
	case errors.As(problem, &cycle):
		guilty = cycle.Path[1:]
		why = fmt.Sprintf("services need each other in a circle, %s: remove one of these needs", strings.Join(cycle.Path, " needs "))
	}
	f.Plugins = slices.DeleteFunc(f.Plugins, func(p Plugin) bool {
		if !slices.Contains(guilty, p.Declaration.Name) {
			return false
		}
		any = true
		f.refuse(p.Declaration.Name, p.manifest.Error("needs", "%s", why))
		return true
	})
	return any
}

// needless says of a need that there is nobody to meet it.
func (f *Folder) needless(e *graph.UnknownError) string {
	if slices.ContainsFunc(f.Refused, func(r Refusal) bool { return r.Name == e.Need }) {
		return fmt.Sprintf("it needs %s, which is refused itself: `ocis plugins list` says why", e.Need)
	}
	if nearest, ok := config.Nearest(e.Need, e.Known); ok {
		return fmt.Sprintf("it needs %q, which is unknown: did you mean %q?", e.Need, nearest)
	}
	return fmt.Sprintf("it needs %q, which is unknown: known are %s", e.Need, strings.Join(e.Known, ", "))
}
