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
		origin := "the default"
		if node := nodes[f.key]; node != nil {
			origin = fmt.Sprintf("%s:%d", s.Paths.File(), node.Line)
		}
		if f.env != "" && s.getenv(f.env) != "" {
			origin = "variable " + f.env
		}
		text := fmt.Sprint(f.value.Interface())
		if list, ok := f.value.Interface().([]string); ok {
			text = strings.Join(list, ",")
		}
		return s.wrong(name, f, text, origin, errors.New(invalid.Problem))
	}
	return fmt.Errorf("%s.%w", name, problem)
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
