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
		if slices.Contains(names, name) {
			excerpt[name] = section.value
			continue
		}
		some := &yaml.Node{Kind: yaml.MappingNode}
		for i := 0; i+1 < len(section.value.Content); i += 2 {
			if key := section.value.Content[i]; slices.Contains(names, name+"."+key.Value) {
				some.Content = append(some.Content, key, section.value.Content[i+1])
			}
		}
		if len(some.Content) > 0 {
			excerpt[name] = some
		}
	}
	text, err := yaml.Marshal(excerpt)
	if err != nil {
		return nil, fmt.Errorf("make an excerpt of %s for %s: %w", s.Paths.File(), strings.Join(names, ", "), err)
	}
	return text, nil
}
