package supervisor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Words of the setting that stand for all services.
const (
	isolateAll  = "all"
	isolateNone = "none"
)

// isIsolated tells whether the service's children are.
func isIsolated(d plugins.Declaration) bool {
	return d.Profile.Isolate == plugins.IsolationStrict || d.Profile.Isolate == plugins.IsolationBestEffort
}

// isolate says in the declarations who is isolated. A service that the list names is as the
// list says, and others are as they were unless there is a word for all.
func (s *Settings) isolate(declarations map[string]plugins.Declaration) error {
	names := slices.Sorted(maps.Keys(declarations))
	chosen, said := map[string]plugins.Isolation{}, map[string]plugins.Isolation{}
	for _, text := range s.Isolate {
		name, how, err := parseIsolate(text)
		if err != nil {
			return invalid("isolate", err)
		}
		if before, twice := said[name]; twice && before != how {
			return invalid("isolate", fmt.Errorf("%s is there twice, as %s and as %s", name, before, how))
		}
		said[name] = how
		switch {
		case name == isolateAll:
			for _, each := range names {
				if _, named := chosen[each]; !named {
					chosen[each] = how
				}
			}
		case !slices.Contains(names, name):
			return invalid("isolate", unknownService(name, append(names, isolateAll, isolateNone)))
		default:
			chosen[name] = how
		}
	}
	for name, how := range chosen {
		d := declarations[name]
		d.Profile.Isolate = how
		declarations[name] = d
	}
	return nil
}

// Isolated returns the declaration that text names, isolated as it says: SERVICE or
// SERVICE:best-effort.
func Isolated(all []plugins.Declaration, text string) (plugins.Declaration, error) {
	settings := Settings{Isolate: []string{text}}
	declarations, err := settings.apply(all)
	if err != nil {
		var invalid *config.Invalid
		if errors.As(err, &invalid) {
			return plugins.Declaration{}, errors.New(invalid.Problem)
		}
		return plugins.Declaration{}, err
	}
	name, _, _ := strings.Cut(text, ":")
	d, ok := declarations[name]
	if !ok || !isIsolated(d) {
		return plugins.Declaration{}, fmt.Errorf("%q is not one service: give SERVICE or SERVICE:best-effort", text)
	}
	return d, nil
}

// parseIsolate reads NAME, NAME:best-effort, or the same with a word for all services.
func parseIsolate(text string) (name string, how plugins.Isolation, err error) {
	name, qualifier, qualified := strings.Cut(text, ":")
	switch {
	case name == isolateNone && !qualified:
		return isolateAll, plugins.IsolationOff, nil
	case name == isolateNone:
		return "", "", fmt.Errorf("%q is not %s", text, isolateNone)
	case !qualified:
		return name, plugins.IsolationStrict, nil
	case qualifier == string(plugins.IsolationBestEffort), qualifier == string(plugins.IsolationOff), qualifier == string(plugins.IsolationStrict):
		return name, plugins.Isolation(qualifier), nil
	}
	return "", "", fmt.Errorf("%q is not NAME, NAME:best-effort or NAME:off", text)
}
