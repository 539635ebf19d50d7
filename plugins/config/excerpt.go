package config

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Excerpt returns an ocis.yaml with nothing but the named sections, such as "nats", and
// keys of sections, such as "token.verifying_key". What this one does not have is left out.
func (s *Source) Excerpt(names []string) ([]byte, error) {
	excerpt := map[string]*yaml.Node{}
	for name, section := range s.sections {
		whole := slices.Contains(names, name)
		some := &yaml.Node{Kind: yaml.MappingNode}
		for i := 0; i+1 < len(section.value.Content); i += 2 {
			if key := section.value.Content[i]; whole || slices.Contains(names, name+"."+key.Value) {
				some.Content = append(some.Content, key, alone(section.value.Content[i+1]))
			}
		}
		if whole || len(some.Content) > 0 {
			excerpt[name] = some
		}
	}
	text, err := yaml.Marshal(excerpt)
	if err != nil {
		return nil, fmt.Errorf("make an excerpt of %s for %s: %w", s.Paths.File(), strings.Join(names, ", "), err)
	}
	return text, nil
}

// alone returns a value that needs nothing of the rest of the file: what it is an alias of may
// not be in the excerpt.
func alone(value *yaml.Node) *yaml.Node {
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	unnamed := *value
	unnamed.Anchor = ""
	return &unnamed
}
