package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Source is where settings come from. It is read-only after Open.
type Source struct {
	Paths Paths

	getenv   func(string) string
	sections map[string]section // of ocis.yaml
}

// section is a top-level key of ocis.yaml.
type section struct {
	line  int
	value *yaml.Node
}

// Open resolves the paths and reads ocis.yaml. A missing file is an empty one.
func Open() (*Source, error) { return OpenOr(nil) }

// OpenOr is Open with the content that a missing file is taken to have.
func OpenOr(missing []byte) (*Source, error) {
	paths, err := resolvePaths(os.Getenv)
	if err != nil {
		return nil, err
	}
	src := &Source{Paths: paths, getenv: os.Getenv}
	if number, given := os.LookupEnv(SettingsVariable); given {
		src.sections, err = parseGiven(paths.File(), number)
		return src, err
	}
	data, err := os.ReadFile(paths.File())
	if errors.Is(err, fs.ErrNotExist) {
		src.sections, err = parse(paths.File(), missing)
		return src, err
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	if err := refuseReadableByOthers(paths.File()); err != nil {
		return nil, err
	}
	src.sections, err = parse(paths.File(), data)
	return src, err
}

// SettingsVariable names the descriptor from which a process reads its settings, instead of
// ocis.yaml, which it may not see.
const SettingsVariable = "OCIS_CHILD_SETTINGS"

// parseGiven reads the settings that the supervisor gave this process, which can be done
// once.
func parseGiven(file, number string) (map[string]section, error) {
	descriptor, err := strconv.Atoi(number)
	if err != nil {
		return nil, fmt.Errorf("%s=%s is no descriptor", SettingsVariable, number)
	}
	os.Unsetenv(SettingsVariable)
	given := os.NewFile(uintptr(descriptor), "settings")
	defer given.Close()
	data, err := io.ReadAll(given)
	if err != nil {
		return nil, fmt.Errorf("cannot read the settings from descriptor %d: %w", descriptor, err)
	}
	return parse(file, data)
}

// Exists tells whether there is an ocis.yaml.
func (p Paths) Exists() bool {
	_, err := os.Stat(p.File())
	return err == nil
}

// refuseReadableByOthers guards the secrets in ocis.yaml.
func refuseReadableByOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s holds secrets and others may read it (mode %04o): chmod 600 %s", path, mode, path)
	}
	return nil
}

// parse splits ocis.yaml into its sections.
func parse(file string, data []byte) (map[string]section, error) {
	document, err := oneDocument(file, data)
	if err != nil {
		return nil, err
	}
	sections := map[string]section{}
	if len(document.Content) == 0 {
		return sections, nil
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return sections, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: expected sections such as \"proxy:\", not a plain value or a list", file, root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if _, twice := sections[key.Value]; twice {
			return nil, fmt.Errorf("%s:%d: section %q stands there twice", file, key.Line, key.Value)
		}
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			value = &yaml.Node{Kind: yaml.MappingNode, Line: key.Line}
		}
		if value.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("%s:%d: section %q needs keys below it, such as \"key: value\"", file, key.Line, key.Value)
		}
		sections[key.Value] = section{line: key.Line, value: value}
	}
	return sections, nil
}

// oneDocument parses YAML. Settings in a second document would be ignored, so there must
// be none.
func oneDocument(file string, data []byte) (document yaml.Node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for _, into := range []*yaml.Node{&document, {}} {
		err := decoder.Decode(into)
		switch {
		case errors.Is(err, io.EOF):
			return document, nil
		case err != nil:
			return document, fmt.Errorf("%s is not valid YAML: %w", file, oneLine(err))
		case into != &document:
			return document, fmt.Errorf("%s:%d: a second document begins: remove this line, all settings belong into one", file, into.Line)
		}
	}
	return document, nil
}

// CheckSections reports the first section of ocis.yaml that is not among names.
func (s *Source) CheckSections(names ...string) error {
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
	}
	first, line := "", 0
	for name, section := range s.sections {
		if !known[name] && (first == "" || section.line < line) {
			first, line = name, section.line
		}
	}
	if first == "" {
		return nil
	}
	return fmt.Errorf("%s:%d: unknown section %q%s", s.Paths.File(), line, first, suggest(first, names))
}

// MakeDirs creates the folders that all services share, for the user alone, and refuses a
// run folder that belongs to somebody else.
func (p Paths) MakeDirs() error {
	for _, dir := range []string{p.Base, p.Run, p.Registry(), filepath.Dir(p.Log("x"))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("cannot make %s: %w", dir, err)
		}
	}
	return checkPrivate(p.Run)
}
