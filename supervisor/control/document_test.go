package control

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// document is the part of docs/control-api.yaml that the code must agree with.
type document struct {
	Paths      map[string]map[string]any `yaml:"paths"`
	Components struct {
		Schemas map[string]struct {
			Required   []string       `yaml:"required"`
			Properties map[string]any `yaml:"properties"`
			Enum       []string       `yaml:"enum"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

func readDocument(t *testing.T) document {
	t.Helper()
	data, err := os.ReadFile("../../docs/control-api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := yaml.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheDocumentHasExactlyTheRoutes(t *testing.T) {
	var documented []string
	for path, operations := range readDocument(t).Paths {
		for method := range operations {
			if method != "parameters" {
				documented = append(documented, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(documented)
	if served := slices.Sorted(maps.Keys((&Server{}).table())); !slices.Equal(documented, served) {
		t.Errorf("documented %q\nserved     %q", documented, served)
	}
}

func TestTheDocumentHasExactlyTheFields(t *testing.T) {
	schemas := readDocument(t).Components.Schemas
	for _, value := range []any{
		client.Instance{}, client.Exit{}, client.Service{}, client.Memory{}, client.Socket{}, client.LogLine{},
		client.Event{}, client.TreeNode{}, client.Error{}, client.CrashRequest{}, client.ScaleRequest{},
	} {
		kind := reflect.TypeOf(value)
		schema, ok := schemas[kind.Name()]
		if !ok {
			t.Errorf("there is no schema %s", kind.Name())
			continue
		}
		fields, always := jsonNames(kind)
		if documented := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(documented, fields) {
			t.Errorf("%s: documented %q\nfields of the type %q", kind.Name(), documented, fields)
		}
		slices.Sort(schema.Required)
		if kind != reflect.TypeFor[client.CrashRequest]() && !slices.Equal(schema.Required, always) {
			t.Errorf("%s: required %q\nalways written %q", kind.Name(), schema.Required, always)
		}
	}
}

// jsonNames returns all JSON names of a type, and those that are never left out.
func jsonNames(kind reflect.Type) (all, always []string) {
	for field := range kind.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		all = append(all, name)
		if options == "" {
			always = append(always, name)
		}
	}
	slices.Sort(all)
	slices.Sort(always)
	return all, always
}

func TestTheDocumentNamesEveryStatus(t *testing.T) {
	var want []string
	for _, status := range []client.Status{
		client.StatusStarting, client.StatusReady, client.StatusUnhealthy, client.StatusStopping,
		client.StatusStopped, client.StatusBackoff, client.StatusFailed,
	} {
		want = append(want, string(status))
	}
	if documented := readDocument(t).Components.Schemas["Status"].Enum; !slices.Equal(documented, want) {
		t.Errorf("documented %q, want %q", documented, want)
	}
}
