package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/owncloud/ocis-runtime/"

// goPackage is what `go list -json` says about a package.
type goPackage struct {
	ImportPath   string
	Dir          string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// ours returns the packages of the module by their folder, such as "services/web".
func ours(t *testing.T) map[string]goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,Imports,TestImports,XTestImports", module+"...")
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]goPackage{}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages[strings.TrimPrefix(p.ImportPath, module)] = p
	}
}

// within tells whether a folder is one of these, or below one.
func within(folder string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return folder == root || strings.HasPrefix(folder, root+"/")
	})
}

// serviceOf returns the service whose folder this is in, or "".
func serviceOf(folder string) string {
	parts := strings.Split(folder, "/")
	if len(parts) < 2 || parts[0] != "services" || parts[1] == "internal" || parts[1] == "operator" {
		return ""
	}
	return parts[1]
}

// mayImport is the rule: imports go one way, cmd → supervisor → plugins and
// cmd → services → plugins, and of another service only its generated API is known.
func mayImport(from, to string) bool {
	switch {
	case within(from, "plugins"):
		return within(to, "plugins")
	case within(from, "supervisor"):
		return within(to, "supervisor", "plugins")
	case within(from, "services"):
		if within(to, "plugins", "services/internal") {
			return true
		}
		other := serviceOf(to)
		return other != "" && other == serviceOf(from) || other != "" && to == "services/"+other+"/api"
	case within(from, "cmd"):
		return within(to, "cmd", "supervisor", "services", "plugins")
	case within(from, "scripts"):
		return within(to, "scripts", "supervisor", "plugins") || to == "cmd/ocistest"
	}
	return false
}

func TestImportsGoOneWay(t *testing.T) {
	for folder, p := range ours(t) {
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			to, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !mayImport(folder, to) {
				t.Errorf("%s must not import %s", folder, to)
			}
		}
	}
}

func TestTheImportRuleKnowsRightFromWrong(t *testing.T) {
	for _, c := range []struct {
		from, to string
		may      bool
	}{
		{"cmd/ocis", "supervisor/control", true},
		{"cmd/ocis", "services/web", true},
		{"supervisor/child", "plugins", true},
		{"supervisor", "services/web", false},
		{"supervisor", "cmd/internal/print", false},
		{"plugins/registry", "plugins", true},
		{"plugins", "supervisor/client", false},
		{"plugins", "services/internal/token", false},
		{"services/webdav", "services/storage/api", true},
		{"services/webdav", "services/storage", false},
		{"services/webdav", "services/storage/internal/tree", false},
		{"services/storage", "services/storage/internal/tree", true},
		{"services/internal/memo", "services/internal/token", true},
		{"services/internal/memo", "services/web", false},
		{"services/web", "supervisor/client", false},
		{"services/web", "services/webdav", false},
		{"services/web", "services/operator", false},
	} {
		if mayImport(c.from, c.to) != c.may {
			t.Errorf("%s importing %s: want %v", c.from, c.to, c.may)
		}
	}
}

func TestNothingThatShipsImportsTestCode(t *testing.T) {
	for folder, p := range ours(t) {
		for _, imported := range p.Imports {
			if within(folder, "cmd/ocistest") {
				continue
			}
			if imported == "testing" || imported == module+"cmd/ocistest" {
				t.Errorf("%s imports %s outside its tests", folder, imported)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for folder, p := range ours(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", folder)
		}
	}
}

func TestNoPackageIsADrawer(t *testing.T) {
	for folder := range ours(t) {
		for name := range strings.SplitSeq(folder, "/") {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared"}, name) {
				t.Errorf("%s: %q says nothing about what is in it", folder, name)
			}
		}
	}
}
