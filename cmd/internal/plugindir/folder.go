// Package plugindir is the folder of the services from outside: an executable NAME and its
// manifest NAME.yaml for each.
//
// It owns who of them takes part: which names are taken, whether the needs of all services
// fit together, and what is said of those that are refused, while the others run. It owns
// the putting in and taking out. It leaves the form of a manifest to package manifest, and
// the look at the content of an executable, before each start, to the supervisor.
package plugindir

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/cmd/internal/manifest"
	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

// Plugin is a service from outside.
type Plugin struct {
	Declaration plugins.Declaration
	Program     program.Program
	manifest    *manifest.Manifest
}

// Refusal says in one line why an executable or a manifest takes no part.
type Refusal struct {
	Name   string
	Reason error
}

// Folder is what Read found. Both lists are sorted by name.
type Folder struct {
	Plugins []Plugin
	Refused []Refusal
}

// Names returns the names of all, also of the refused ones: they are not unknown.
func (f *Folder) Names() []string {
	var names []string
	for _, p := range f.Plugins {
		names = append(names, p.Declaration.Name)
	}
	for _, r := range f.Refused {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Read looks at the folder of paths. builtin are the services beside which the plugins
// run. It never fails: what cannot take part is refused.
func Read(paths config.Paths, builtin []plugins.Declaration) *Folder {
	f := &Folder{}
	names, err := list(paths.Plugins)
	if err != nil {
		f.refuse(filepath.Base(paths.Plugins), err)
		return f
	}
	for _, name := range names {
		p, err := readOne(paths, name, builtin)
		if err != nil {
			f.refuse(name, err)
			continue
		}
		f.Plugins = append(f.Plugins, p)
	}
	f.refuseAddresses(builtin)
	f.refuseNeeds(builtin)
	slices.SortStableFunc(f.Refused, func(x, y Refusal) int { return strings.Compare(x.Name, y.Name) })
	return f
}

func (f *Folder) refuse(name string, reason error) {
	f.Refused = append(f.Refused, Refusal{Name: name, Reason: reason})
}

// list returns what executables and manifests are called, sorted.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("no plugin runs: %w: make the folder of OCIS_PLUGINS_DIR readable", err)
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("no plugin runs: %s can be written by others (mode %04o): chmod go-w %s", dir, info.Mode().Perm(), dir)
	}
	names := map[string]bool{}
	for _, entry := range entries {
		name, isManifest := strings.CutSuffix(entry.Name(), manifest.Suffix)
		if !strings.HasPrefix(name, ".") && (isManifest || canBeExecuted(filepath.Join(dir, name))) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// canBeExecuted leaves out folders, and files such as a README.
func canBeExecuted(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

func readOne(paths config.Paths, name string, builtin []plugins.Declaration) (Plugin, error) {
	executable := filepath.Join(paths.Plugins, name)
	file := executable + manifest.Suffix
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return Plugin{}, fmt.Errorf("%s is not listed, there is no %s%s: `ocis plugins install %s` makes it", executable, name, manifest.Suffix, executable)
	}
	m, err := manifest.Read(file, paths)
	if err != nil {
		return Plugin{}, err
	}
	if problem := taken(name, builtin); problem != "" {
		return Plugin{}, m.Error("name", "%s", problem)
	}
	if _, err := os.Stat(executable); err != nil {
		return Plugin{}, m.Error("name", "there is no executable %s: put it there, or `ocis plugins remove %s`", executable, name)
	}
	return Plugin{Declaration: m.Declaration(paths), Program: m.Program(executable), manifest: m}, nil
}

// reserved are names that mean something else: sections of ocis.yaml, folders beside those of
// the services' data, and words for all services.
var reserved = append([]string{"config", "run", "logs", "plugins", "ocis", "all", "none"}, config.CommonSections...)

// taken says why no plugin can have a name; "": it can.
func taken(name string, builtin []plugins.Declaration) string {
	switch {
	case slices.ContainsFunc(builtin, func(d plugins.Declaration) bool { return d.Name == name }):
		return fmt.Sprintf("%q is a built-in service: give the plugin another name", name)
	case slices.Contains(reserved, name):
		return fmt.Sprintf("%q has another meaning here: give the plugin another name", name)
	}
	return ""
}
