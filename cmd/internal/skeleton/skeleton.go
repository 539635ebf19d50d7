// Package skeleton writes the beginning of a service from outside: a Go module of its own,
// with a program that works, a test and a README. It runs nothing and reaches no network.
package skeleton

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
)

//go:embed module/*.tmpl
var files embed.FS

const (
	// Module is this project's path.
	Module = "github.com/owncloud/ocis-runtime"

	// Unreleased is a version that nobody can fetch: a folder has to replace it.
	Unreleased = "v0.0.0-00010101000000-000000000000"

	suffix = ".tmpl"
)

// content is what the templates know.
type content struct {
	Name, Variable, GoVersion, Module, ModuleVersion, Replace string
}

// Write makes a folder called name in dir. version is this project's, as a Go module;
// replace is a folder with its source that is used instead, or "". An existing folder is an
// error that wraps fs.ErrExist.
func Write(dir, name, version, replace string) (folder string, err error) {
	folder = filepath.Join(dir, name)
	c := content{
		Name: name, Variable: strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
		GoVersion: strings.TrimPrefix(runtime.Version(), "go"), Module: Module, ModuleVersion: version,
	}
	var sums []byte
	if replace != "" {
		if c.Replace, sums, err = source(replace); err != nil {
			return "", err
		}
		c.ModuleVersion = Unreleased
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return "", fmt.Errorf("write a skeleton: %w", err)
	}
	err = c.fill(folder)
	if err == nil && sums != nil {
		err = os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o644)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("write a skeleton: %w", err), os.RemoveAll(folder))
	}
	return folder, nil
}

// source looks at a folder with this project's source, and returns its checksums, with which
// nothing needs to be asked for over the network that is in the module cache.
func source(folder string) (absolute string, sums []byte, err error) {
	if absolute, err = filepath.Abs(folder); err != nil {
		return "", nil, err
	}
	module, err := os.ReadFile(filepath.Join(absolute, "go.mod"))
	if err != nil || !strings.HasPrefix(string(module), "module "+Module+"\n") {
		return "", nil, fmt.Errorf("%s does not hold the module %s: give the folder of its go.mod", absolute, Module)
	}
	sums, err = os.ReadFile(filepath.Join(absolute, "go.sum"))
	return absolute, sums, err
}

func (c content) fill(folder string) error {
	names, err := fs.Glob(files, "module/*"+suffix)
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := template.ParseFS(files, name)
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(folder, strings.TrimSuffix(filepath.Base(name), suffix)))
		if err != nil {
			return err
		}
		if err := errors.Join(text.Execute(file, c), file.Close()); err != nil {
			return err
		}
	}
	return nil
}
