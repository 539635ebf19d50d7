package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Read reads a manifest and checks all that can be seen from it alone.
func Read(file string, paths config.Paths) (*Manifest, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read a manifest: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return nil, fmt.Errorf("%s can be written by others (mode %04o): chmod 600 %s", file, mode, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a manifest: %w", err)
	}
	m, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	return m, m.Check(paths)
}

// parse reads the form strictly.
func parse(file string, data []byte) (*Manifest, error) {
	m := &Manifest{file: file, lines: map[string]int{}}
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is not valid YAML: %s", file, oneLine(err))
	}
	if decoder.Decode(&second) == nil {
		return nil, fmt.Errorf("%s:%d: a second document begins: remove it, a manifest is one", file, second.Line)
	}
	if len(document.Content) == 0 {
		return m, nil // Check says what is missing
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: keys such as \"name: greeter\" are needed, not a plain value or a list", file, root.Line)
	}
	if err := m.walk(root, reflect.TypeFor[Manifest](), ""); err != nil {
		return nil, err
	}
	var mistyped *yaml.TypeError
	err := root.Decode(m)
	switch {
	case errors.As(err, &mistyped):
		return nil, m.explain(mistyped.Errors[0])
	case err != nil:
		return nil, fmt.Errorf("%s: %s", file, oneLine(err))
	}
	return m, nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// walk notes where keys stand, and refuses those that nobody reads.
func (m *Manifest) walk(node *yaml.Node, into reflect.Type, path string) error {
	switch {
	case node.Kind == yaml.SequenceNode && into.Kind() == reflect.Slice:
		for n, item := range node.Content {
			if err := m.walk(item, into.Elem(), fmt.Sprintf("%s[%d]", path, n)); err != nil {
				return err
			}
		}
	case node.Kind == yaml.MappingNode && into.Kind() == reflect.Map:
		for i := 0; i+1 < len(node.Content); i += 2 {
			m.lines[path+"."+node.Content[i].Value] = node.Content[i].Line
		}
	case node.Kind == yaml.MappingNode && into.Kind() == reflect.Struct:
		return m.walkKeys(node, into, path)
	}
	return nil
}

func (m *Manifest) walkKeys(node *yaml.Node, into reflect.Type, path string) error {
	if path != "" {
		path += "."
	}
	fields := map[string]reflect.Type{}
	var known []string
	for i := range into.NumField() {
		if name, _, _ := strings.Cut(into.Field(i).Tag.Get("yaml"), ","); name != "" {
			fields[name] = into.Field(i).Type
			known = append(known, name)
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field, ok := fields[key.Value]
		if !ok {
			return fmt.Errorf("%s:%d: unknown key %s%s%s", m.file, key.Line, path, key.Value, suggest(key.Value, known))
		}
		if m.lines[path+key.Value] != 0 {
			return fmt.Errorf("%s:%d: %s%s stands there twice: remove one", m.file, key.Line, path, key.Value)
		}
		m.lines[path+key.Value] = key.Line
		if err := m.walk(value, field, path+key.Value); err != nil {
			return err
		}
	}
	return nil
}

func suggest(name string, known []string) string {
	if nearest, ok := config.Nearest(name, known); ok {
		return fmt.Sprintf(": did you mean %q?", nearest)
	}
	return ": known are " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// needed says what a value must be, by the Go type that yaml.v3 names in its error.
var needed = map[string]string{
	"int": "a whole number is needed", "uint64": "a whole number is needed", "bool": "true or false is needed",
	"[]string": "a list is needed, such as [nats]", "time.Duration": "a duration such as 30s is needed",
	"[]manifest.Socket": "a list is needed, with a name or network for each",
}

// explain says what yaml.v3 means by "line 4: cannot unmarshal !!str `x` into int".
func (m *Manifest) explain(said string) error {
	var line int
	if _, err := fmt.Sscanf(said, "line %d:", &line); err != nil {
		return fmt.Errorf("%s: %s", m.file, said)
	}
	_, what, _ := strings.Cut(said, ": ")
	_, into, _ := strings.Cut(what, " into ")
	if text, ok := needed[into]; ok {
		what = text
	}
	key := ""
	for candidate, at := range m.lines {
		if at == line && len(candidate) > len(key) {
			key = candidate
		}
	}
	return fmt.Errorf("%s:%d: %s: %s", m.file, line, key, what)
}

// UnmarshalYAML reads NAME: value, or NAME: {file: /path}.
func (v *Value) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		v.Given = node.Value
		return nil
	}
	if node.Kind == yaml.MappingNode && len(node.Content) == 2 && node.Content[0].Value == "file" {
		return node.Content[1].Decode(&v.File)
	}
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: a value is needed, or {file: /path} for a secret", node.Line)}}
}

// ReadUnlisted reads a manifest that somebody wrote for an executable which is not installed
// yet. What only the installation knows may be missing in it.
func ReadUnlisted(file, name, sum string, protocol int, paths config.Paths) (*Manifest, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	m.Name, m.Protocol = cmp.Or(m.Name, name), cmp.Or(m.Protocol, protocol)
	if m.SHA256 == "" {
		m.SHA256 = sum
	}
	if m.SHA256 != sum {
		return nil, m.Error("sha256", "it is not that of the executable, which is %s: correct it or leave it out", sum)
	}
	return m, m.Check(paths)
}
