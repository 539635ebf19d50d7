package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// Suffix makes the name of a manifest of that of its executable.
const Suffix = ".yaml"

const header = "# What `ocis server` knows of this executable; docs/plugins.md has all keys.\n"

// Write puts the manifest to where Read finds it, for the user alone. Nobody ever sees a part
// of it.
func (m *Manifest) Write(file string) error {
	text, err := yaml.Marshal(m)
	if err != nil {
		return fmt.Errorf("write the manifest of %s: %w", m.Name, err)
	}
	next, err := os.CreateTemp(filepath.Dir(file), ".manifest-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the manifest of %s: %w", m.Name, err)
	}
	defer os.Remove(next.Name())
	_, err = next.WriteString(header + string(text))
	if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
		err = os.Rename(next.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write the manifest of %s: %w", m.Name, err)
	}
	return nil
}

// MarshalYAML is the reverse of UnmarshalYAML.
func (v Value) MarshalYAML() (any, error) {
	if v.File != "" {
		return map[string]string{"file": v.File}, nil
	}
	return v.Given, nil
}
