package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Bytes is a number of bytes, written plainly or like 10GiB, 512MB, 64K.
type Bytes uint64

// field is one setting of a struct, as its tags describe it.
type field struct {
	value   reflect.Value
	key     string // in ocis.yaml
	env     string
	preset  string // the default
	allowed string
	secret  bool
}

// Fill sets the exported fields of the struct that dst points to. Their tags are
//
//	yaml:"http_addr"        the key in the section of ocis.yaml
//	env:"PROXY_HTTP_ADDR"   the variable, which wins
//	default:"127.0.0.1:9200"
//	allowed:"host:port"     for people, in errors
//	secret:"true"           the value is never shown
//
// Keys that no field has are errors. When dst has a method Validate() error, its error
// is returned with the section's name; Invalid says which key it is about.
func (s *Source) Fill(name string, dst any) error { return s.fill(name, dst, true) }

// FillKnown is Fill for a reader of some keys of somebody else's section: keys that
// no field has are not its business.
func (s *Source) FillKnown(name string, dst any) error { return s.fill(name, dst, false) }

func (s *Source) fill(name string, dst any, strict bool) error {
	fields := fieldsOf(reflect.ValueOf(dst).Elem())
	nodes, err := s.nodes(name, fields, strict)
	if err != nil {
		return err
	}
	for _, f := range fields {
		if err := s.set(name, f, nodes[f.key]); err != nil {
			return err
		}
	}
	if v, ok := dst.(interface{ Validate() error }); ok {
		return s.explain(name, fields, nodes, v.Validate())
	}
	return nil
}

func fieldsOf(structure reflect.Value) []field {
	var fields []field
	for i := range structure.NumField() {
		described := structure.Type().Field(i)
		if described.Anonymous {
			fields = append(fields, fieldsOf(structure.Field(i))...)
			continue
		}
		key := described.Tag.Get("yaml")
		if key == "" {
			continue
		}
		fields = append(fields, field{
			value:   structure.Field(i),
			key:     key,
			env:     described.Tag.Get("env"),
			preset:  described.Tag.Get("default"),
			allowed: described.Tag.Get("allowed"),
			secret:  described.Tag.Get("secret") == "true",
		})
	}
	return fields
}

// nodes returns the section's values by key.
func (s *Source) nodes(name string, fields []field, strict bool) (map[string]*yaml.Node, error) {
	nodes := map[string]*yaml.Node{}
	section, ok := s.sections[name]
	if !ok {
		return nodes, nil
	}
	var known []string
	for _, f := range fields {
		known = append(known, f.key)
	}
	for i := 0; i+1 < len(section.value.Content); i += 2 {
		key, value := section.value.Content[i], section.value.Content[i+1]
		if nodes[key.Value] != nil {
			return nil, fmt.Errorf("%s:%d: %s.%s stands there twice", s.Paths.File(), key.Line, name, key.Value)
		}
		nodes[key.Value] = value
		if strict && !contains(known, key.Value) && !s.isShared(name, key.Value) {
			return nil, fmt.Errorf("%s:%d: unknown key %s.%s%s", s.Paths.File(), key.Line, name, key.Value, suggest(key.Value, known))
		}
	}
	return nodes, nil
}

// set gives a field its value from the strongest origin that has one.
func (s *Source) set(name string, f field, node *yaml.Node) error {
	if f.env != "" {
		if text := s.getenv(f.env); text != "" {
			return s.wrong(name, f, text, "variable "+f.env, assign(f.value, []string{text}))
		}
	}
	if node != nil {
		texts, err := scalars(node)
		origin := fmt.Sprintf("%s:%d", s.Paths.File(), node.Line)
		if err == nil {
			err = assign(f.value, texts)
		}
		return s.wrong(name, f, strings.Join(texts, ","), origin, err)
	}
	if f.preset != "" {
		return s.wrong(name, f, f.preset, "the default", assign(f.value, []string{f.preset}))
	}
	return nil
}

// scalars returns a scalar's text, or those of a list of scalars.
func scalars(node *yaml.Node) ([]string, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yaml.ScalarNode:
		return []string{node.Value}, nil
	case yaml.SequenceNode:
		var texts []string
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, errors.New("a list of plain values is needed")
			}
			texts = append(texts, item.Value)
		}
		return texts, nil
	}
	return nil, errors.New("a plain value is needed, not keys below it")
}

// assign parses text for the kind of value.
func assign(value reflect.Value, texts []string) error {
	if value.Kind() == reflect.Slice {
		var list []string
		for _, text := range texts {
			for _, item := range strings.Split(text, ",") {
				if item = strings.TrimSpace(item); item != "" {
					list = append(list, item)
				}
			}
		}
		value.Set(reflect.ValueOf(list))
		return nil
	}
	if len(texts) != 1 {
		return errors.New("one value is needed, not a list")
	}
	return assignScalar(value, texts[0])
}

func assignScalar(value reflect.Value, text string) error {
	if u, ok := value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch value.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("a duration such as 500ms, 3s or 2m is needed")
		}
		value.SetInt(int64(d))
		return nil
	}
	switch value.Kind() {
	case reflect.String:
		value.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("true or false is needed")
		}
		value.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("a whole number is needed")
		}
		value.SetInt(n)
	default:
		return fmt.Errorf("settings of type %s cannot be read", value.Type())
	}
	return nil
}

// UnmarshalText reads a number of bytes with an optional unit.
func (b *Bytes) UnmarshalText(text []byte) error {
	errSize := errors.New("a number of bytes such as 1048576, 512MiB or 10GB is needed")
	trimmed := strings.TrimSpace(string(text))
	digits := strings.TrimRight(trimmed, "KMGTiBkb ")
	unit := strings.ToUpper(strings.TrimSpace(trimmed[len(digits):]))
	factors := map[string]uint64{
		"": 1, "B": 1,
		"K": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MIB": 1 << 20, "G": 1 << 30, "GIB": 1 << 30, "T": 1 << 40, "TIB": 1 << 40,
		"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	}
	factor, ok := factors[unit]
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || n > (1<<63)/factor {
		return errSize
	}
	*b = Bytes(n * factor)
	return nil
}
