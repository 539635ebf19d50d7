package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// CommonSections are the sections of ocis.yaml that are no service's.
var CommonSections = []string{"runtime", "log", "token"}

// Isolation are the settings that the section of each service has, beyond its own: they
// are the runtime's business, and Fill passes over them.
type Isolation struct {
	Isolate Isolate  `yaml:"isolate" allowed:"true, false or best-effort" desc:"run the service in a sandbox"`
	Read    []string `yaml:"isolate_read" allowed:"paths that exist" desc:"files and folders that the sandbox shows as well"`
	Write   []string `yaml:"isolate_write" allowed:"folders that exist" desc:"folders that the sandbox lets the service write to as well"`
	Network bool     `yaml:"isolate_network" allowed:"true or false" desc:"let the service reach the network from its sandbox"`
}

// Isolate is how a service is isolated: "strict", "off" or "best-effort"; "" when its section
// does not say.
type Isolate string

// UnmarshalText takes the words of ocis.yaml.
func (i *Isolate) UnmarshalText(text []byte) error {
	meant, ok := map[string]Isolate{"true": "strict", "false": "off", "best-effort": "best-effort"}[string(text)]
	if !ok {
		return errors.New("it is none of what is allowed")
	}
	*i = meant
	return nil
}

// Validate checks that the paths exist, and are folders where they must be.
func (i *Isolation) Validate() error {
	for _, list := range []struct {
		key     string
		paths   []string
		folders bool
	}{{"isolate_read", i.Read, false}, {"isolate_write", i.Write, true}} {
		for _, path := range list.paths {
			if problem := unusable(path, list.folders); problem != "" {
				return &Invalid{Key: list.key, Problem: path + " " + problem}
			}
		}
	}
	return nil
}

// unusable says why a path cannot be granted; empty: it can.
func unusable(path string, mustBeFolder bool) string {
	if !filepath.IsAbs(path) {
		return "is no absolute path"
	}
	info, err := os.Stat(path)
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.As(err, &at):
		return "cannot be used: " + at.Err.Error()
	case mustBeFolder && !info.IsDir():
		return "is no folder"
	}
	return tooMuch(path)
}

// tooMuch says why a path that exists is not for a sandbox, which would be one in name only:
// the root, what the kernel shows of all processes and devices, and what holds the settings
// with their secrets or the data of all services. It is "" for all others.
func tooMuch(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err.Error()
	}
	for _, kernel := range []string{"/proc", "/sys", "/dev"} {
		if isWithin(real, kernel) {
			return "is the kernel's: a sandbox has what it needs of " + kernel
		}
	}
	paths, err := ResolvePaths()
	if err != nil {
		return err.Error()
	}
	for _, own := range []string{paths.Base, paths.Config, paths.File(), paths.Run} {
		if resolved, err := filepath.EvalSymlinks(own); err == nil {
			own = resolved
		}
		if isWithin(own, real) {
			return "holds the settings or the data of all services"
		}
	}
	return ""
}

// isWithin tells whether path is folder, or below it.
func isWithin(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}

// isShared tells whether a key is one that the sections of all services have.
func (s *Source) isShared(section, key string) bool {
	if slices.Contains(CommonSections, section) {
		return false
	}
	return slices.ContainsFunc(fieldsOf(reflect.ValueOf(&Isolation{}).Elem()), func(f field) bool { return f.key == key })
}
