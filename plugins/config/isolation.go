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

// Isolate is "", "true", "false" or "best-effort".
type Isolate string

// UnmarshalText takes the values that there are.
func (i *Isolate) UnmarshalText(text []byte) error {
	if !slices.Contains([]string{"true", "false", "best-effort"}, string(text)) {
		return errors.New("it is none of what is allowed")
	}
	*i = Isolate(text)
	return nil
}

// Validate checks that the paths exist.
func (i *Isolation) Validate() error {
	for _, list := range []struct {
		key   string
		paths []string
	}{{"isolate_read", i.Read}, {"isolate_write", i.Write}} {
		for _, path := range list.paths {
			if !filepath.IsAbs(path) {
				return &Invalid{Key: list.key, Problem: path + " is no absolute path"}
			}
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				return &Invalid{Key: list.key, Problem: path + " does not exist"}
			}
		}
	}
	return nil
}

// isShared tells whether a key is one that the sections of all services have.
func (s *Source) isShared(section, key string) bool {
	if slices.Contains(CommonSections, section) {
		return false
	}
	return slices.ContainsFunc(fieldsOf(reflect.ValueOf(&Isolation{}).Elem()), func(f field) bool { return f.key == key })
}
