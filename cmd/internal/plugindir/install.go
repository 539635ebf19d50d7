package plugindir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/owncloud/ocis-runtime/cmd/internal/interview"
	"github.com/owncloud/ocis-runtime/cmd/internal/manifest"
	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

// Installation is what Install needs to know.
type Installation struct {
	Path    string // of the executable
	Source  *config.Source
	Builtin []plugins.Declaration
	Binary  string // the main one
}

// Install asks the executable who it is, copies it into the folder and lists it. A manifest
// that lies beside the executable wins over what it answers. Nothing is changed when the
// plugin would not be taken; an error is one line that names the file and the remedy.
func (i Installation) Install(ctx context.Context) (Plugin, error) {
	path, err := filepath.Abs(i.Path)
	if err != nil {
		return Plugin{}, fmt.Errorf("%s: %w", i.Path, err)
	}
	name, paths := filepath.Base(path), i.Source.Paths
	if err := program.Examine(path); err != nil {
		return Plugin{}, err
	}
	if err := i.nameIsFree(path, name); err != nil {
		return Plugin{}, err
	}
	m, err := i.ask(ctx, path, name)
	if err != nil {
		return Plugin{}, err
	}
	staged, err := stage(paths, path, m)
	if err != nil {
		return Plugin{}, err
	}
	defer os.RemoveAll(staged)
	p, err := i.fits(staged, name)
	if err != nil {
		return Plugin{}, err
	}
	return p, settle(staged, paths.Plugins, name)
}

func (i Installation) nameIsFree(path, name string) error {
	if err := manifest.CheckName(name); err != nil {
		return fmt.Errorf("%s: name: %w: rename the file, and the service with it", path, err)
	}
	if problem := taken(name, i.Builtin); problem != "" {
		return fmt.Errorf("%s: name: %s", path, problem)
	}
	installed := filepath.Join(i.Source.Paths.Plugins, name)
	listed := installed + manifest.Suffix
	for _, there := range []string{installed, listed} {
		_, err := os.Stat(there)
		if err == nil && there != path { // what lies in the folder already may be listed
			return fmt.Errorf("%s: name: %s is taken by %s: `ocis plugins remove %s` first", path, name, there, name)
		}
	}
	return nil
}

// ask returns the manifest of the executable.
func (i Installation) ask(ctx context.Context, path, name string) (*manifest.Manifest, error) {
	sum, err := program.Sum(path)
	if err != nil {
		return nil, err
	}
	answer, err := interview.Ask(ctx, interview.Subject{
		Name: name, Source: i.Source, Others: i.Builtin, Binary: i.Binary,
		Program: program.Program{Path: path, Args: []string{name}, SHA256: sum, Origin: "the look at it a moment ago"},
	})
	if err != nil {
		return nil, err
	}
	beside := path + manifest.Suffix
	if filepath.Dir(path) != i.Source.Paths.Plugins {
		given, err := manifest.ReadUnlisted(beside, name, sum, answer.Protocol, i.Source.Paths)
		if !errors.Is(err, fs.ErrNotExist) {
			return given, err
		}
	}
	return manifest.Of(answer, sum), nil
}

// stage makes a folder that is as the folder of plugins will be, with nothing but the new one.
func stage(paths config.Paths, path string, m *manifest.Manifest) (string, error) {
	if err := os.MkdirAll(paths.Plugins, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the plugins: %w", err)
	}
	staged, err := os.MkdirTemp(paths.Plugins, ".install-")
	if err != nil {
		return "", fmt.Errorf("install %s: %w: OCIS_PLUGINS_DIR must be a folder of yours", path, err)
	}
	executable := filepath.Join(staged, m.Name)
	err = copyFile(path, executable)
	if err == nil {
		err = m.Program(executable).Check()
	}
	if err == nil {
		err = m.Write(executable + manifest.Suffix)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(staged))
	}
	return staged, nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, source)
	return errors.Join(err, copied.Sync(), copied.Close())
}

// fits returns the plugin as it will be, if it fits to those that are there.
func (i Installation) fits(staged, name string) (Plugin, error) {
	alone := i.Source.Paths
	alone.Plugins = staged
	p, err := readOne(alone, name, i.Builtin)
	if err == nil {
		f := Read(i.Source.Paths, i.Builtin)
		isNew := func(r Refusal) bool { return r.Name == name }
		f.Refused = slices.DeleteFunc(f.Refused, isNew) // it may lie there already, not listed
		f.Plugins = append(f.Plugins, p)
		f.refuseAddresses(i.Builtin)
		f.refuseNeeds(i.Builtin)
		if n := slices.IndexFunc(f.Refused, isNew); n >= 0 {
			err = f.Refused[n].Reason
		}
	}
	if err != nil {
		// It is not there yet: what can be corrected is the executable, or the manifest beside it.
		place := regexp.MustCompile(regexp.QuoteMeta(filepath.Join(staged, name)+manifest.Suffix) + `(:\d+)?`)
		return p, errors.New(place.ReplaceAllLiteralString(err.Error(), i.Path))
	}
	return p, nil
}

// settle moves the executable first: without a manifest it is nothing.
func settle(staged, dir, name string) error {
	for _, file := range []string{name, name + manifest.Suffix} {
		if err := os.Rename(filepath.Join(staged, file), filepath.Join(dir, file)); err != nil {
			return fmt.Errorf("install %s: %w", name, err)
		}
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("install %s: %w", name, err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Remove takes a plugin out of the folder, also one that is refused. The manifest goes first.
func Remove(paths config.Paths, name string) error {
	if name != filepath.Base(name) || name == "." || name == ".." {
		return fmt.Errorf("%q is no name of a plugin: `ocis plugins list` shows them", name)
	}
	executable := filepath.Join(paths.Plugins, name)
	removed := false
	for _, file := range []string{executable + manifest.Suffix, executable} {
		err := os.Remove(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", name, err)
		}
		removed = removed || err == nil
	}
	if !removed {
		return fmt.Errorf("there is no plugin %s in %s: `ocis plugins list` shows them", name, paths.Plugins)
	}
	return nil
}

// Verify reads the whole executable and returns why it would not be started.
func (p Plugin) Verify() error {
	_, err := p.Program.Variables()
	return errors.Join(p.Program.Check(), err)
}
