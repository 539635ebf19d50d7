package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Invalid is what a Validate method returns for a value that parses but cannot be.
type Invalid struct {
	Key     string // as in ocis.yaml
	Problem string // such as "the file does not exist"
}

// Error implements error.
func (i *Invalid) Error() string { return i.Key + ": " + i.Problem }

// wrong makes the one line about a value that cannot be taken; nil stays nil.
func (s *Source) wrong(name string, f field, text, origin string, problem error) error {
	if problem == nil {
		return nil
	}
	shown := fmt.Sprintf("%q", text)
	if f.secret {
		shown = "(not shown)"
	}
	allowed := ""
	if f.allowed != "" {
		allowed = "; allowed: " + f.allowed
	}
	return fmt.Errorf("%s.%s = %s (from %s): %w%s", name, f.key, shown, origin, oneLine(problem), allowed)
}

// Explain adds value and origin to a *Invalid about a struct that Fill has filled, for
// what only the caller can check. Other problems, and none, stay as they are.
func (s *Source) Explain(name string, filled any, problem error) error {
	var invalid *Invalid
	if !errors.As(problem, &invalid) {
		return problem
	}
	fields := fieldsOf(reflect.ValueOf(filled).Elem())
	nodes, err := s.nodes(name, fields, false)
	if err != nil {
		return err
	}
	return s.explain(name, fields, nodes, problem)
}

// explain adds value and origin to what a Validate method complains about.
func (s *Source) explain(name string, fields []field, nodes map[string]*yaml.Node, problem error) error {
	var invalid *Invalid
	if !errors.As(problem, &invalid) {
		if problem != nil {
			return fmt.Errorf("%s: %w", name, problem)
		}
		return nil
	}
	for _, f := range fields {
		if f.key != invalid.Key {
			continue
		}
		text := fmt.Sprint(f.value.Interface())
		if list, ok := f.value.Interface().([]string); ok {
			text = strings.Join(list, ",")
		}
		return s.wrong(name, f, text, s.origin(f, nodes[f.key]), errors.New(invalid.Problem))
	}
	return fmt.Errorf("%s.%w", name, problem)
}

// origin says where a field's value comes from; node is what ocis.yaml has for it.
func (s *Source) origin(f field, node *yaml.Node) string {
	switch {
	case f.env != "" && s.getenv(f.env) != "":
		return "variable " + f.env
	case node != nil:
		return fmt.Sprintf("%s:%d", s.Paths.File(), node.Line)
	}
	return "the default"
}

// Origin says which setting a value is of and where it comes from, such as "proxy.http_addr
// (from variable PROXY_HTTP_ADDR)", for errors that come after reading. filled is what
// Fill has filled.
func (s *Source) Origin(name string, filled any, key string) string {
	fields := fieldsOf(reflect.ValueOf(filled).Elem())
	nodes, err := s.nodes(name, fields, false)
	n := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if err != nil || n < 0 {
		return name + "." + key
	}
	return fmt.Sprintf("%s.%s (from %s)", name, key, s.origin(fields[n], nodes[key]))
}

// oneLine joins the lines of an error's text.
func oneLine(err error) error {
	if !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}

func contains(names []string, name string) bool { return slices.Contains(names, name) }

// suggest ends an error about an unknown name.
func suggest(name string, known []string) string {
	if nearest, ok := Nearest(name, known); ok {
		return fmt.Sprintf(": did you mean %q?", nearest)
	}
	sorted := slices.Sorted(slices.Values(known))
	return ": known are " + strings.Join(sorted, ", ")
}
