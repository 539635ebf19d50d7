package plugindir

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

var builtin = []plugins.Declaration{
	{Name: "nats"},
	{Name: "proxy", Needs: []string{"nats"}, Sockets: []plugins.Socket{{Network: "tcp", Address: "127.0.0.1:9200"}}},
}

// folder is the plugins' folder of a test.
type folder struct {
	t     *testing.T
	paths config.Paths
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	base := t.TempDir()
	f := &folder{t: t, paths: config.Paths{Base: base, Run: "/run/ocis", Plugins: filepath.Join(base, "plugins")}}
	if err := os.Mkdir(f.paths.Plugins, 0o700); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *folder) write(name, content string, mode os.FileMode) {
	f.t.Helper()
	path := filepath.Join(f.paths.Plugins, name)
	if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, mode)); err != nil {
		f.t.Fatal(err)
	}
}

// add puts in a script with a manifest; more is what that says beyond the necessary.
func (f *folder) add(name, more string) {
	f.t.Helper()
	f.write(name, "#!/bin/sh\n", 0o700)
	sum, err := program.Sum(filepath.Join(f.paths.Plugins, name))
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(name+".yaml", "name: "+name+"\nsha256: "+sum+"\n"+more, 0o600)
}

// read returns the names of those that take part, and what is said of the others.
func (f *folder) read() (names []string, refused map[string]string) {
	f.t.Helper()
	found := Read(f.paths, builtin)
	for _, p := range found.Plugins {
		names = append(names, p.Declaration.Name)
	}
	refused = map[string]string{}
	for _, r := range found.Refused {
		refused[r.Name] = strings.ReplaceAll(r.Reason.Error(), f.paths.Plugins, "DIR")
	}
	return names, refused
}

func TestExecutablesWithAManifestTakePart(t *testing.T) {
	f := newFolder(t)
	f.add("greeter", "needs: [nats]\n")
	f.add("a", "needs: [greeter]\n")
	f.write("README", "not executable", 0o600)
	f.write(".hidden", "#!/bin/sh\n", 0o700)
	if names, refused := f.read(); !slices.Equal(names, []string{"a", "greeter"}) || len(refused) != 0 {
		t.Errorf("%v, refused %v", names, refused)
	}
}

func TestAFolderThatIsNotThereIsEmpty(t *testing.T) {
	f := newFolder(t)
	f.paths.Plugins += "/not/there"
	if names, refused := f.read(); len(names)+len(refused) != 0 {
		t.Errorf("%v, refused %v", names, refused)
	}
}

func TestWhoCannotTakePartIsRefusedAlone(t *testing.T) {
	f := newFolder(t)
	f.add("good", "needs: [nats]\n")
	f.write("unlisted", "#!/bin/sh\n", 0o700)
	f.add("proxy", "")
	f.add("run", "")
	f.add("lonely", "")
	if err := os.Remove(filepath.Join(f.paths.Plugins, "lonely")); err != nil {
		t.Fatal(err)
	}
	f.add("wrong", "needs: [natz]\n")
	f.add("circle-a", "needs: [circle-b]\n")
	f.add("circle-b", "needs: [nats, circle-a]\n")
	f.add("myself", "needs: [myself]\n")
	f.add("victim", "needs: [circle-a]\n")
	f.add("greedy", "sockets: [{network: tcp, address: \"127.0.0.1:9200\"}]\n")
	f.add("odd", "color: red\n")
	names, refused := f.read()
	if !slices.Equal(names, []string{"good"}) {
		t.Errorf("%v take part", names)
	}
	want := map[string]string{
		"unlisted": "DIR/unlisted is not listed, there is no unlisted.yaml: `ocis plugins install DIR/unlisted` makes it",
		"proxy":    `DIR/proxy.yaml:1: name: "proxy" is a built-in service: give the plugin another name`,
		"run":      `DIR/run.yaml:1: name: "run" has another meaning here: give the plugin another name`,
		"lonely":   "DIR/lonely.yaml:1: name: there is no executable DIR/lonely: put it there, or `ocis plugins remove lonely`",
		"wrong":    `DIR/wrong.yaml:3: needs: it needs "natz", which is unknown: did you mean "nats"?`,
		"circle-a": "DIR/circle-a.yaml:3: needs: services need each other in a circle, circle-a needs circle-b needs circle-a: remove one of these needs",
		"circle-b": "DIR/circle-b.yaml:3: needs: services need each other in a circle, circle-a needs circle-b needs circle-a: remove one of these needs",
		"myself":   "DIR/myself.yaml:3: needs: services need each other in a circle, myself needs myself: remove one of these needs",
		"victim":   "DIR/victim.yaml:3: needs: it needs circle-a, which is refused itself: `ocis plugins list` says why",
		"greedy":   "DIR/greedy.yaml:3: sockets[0].address: 127.0.0.1:9200 is that of proxy: choose another",
		"odd":      "DIR/odd.yaml:3: unknown key color: known are environment, essential, memory_weight, name, needs, profile, protocol, ready_timeout, replicas, restart, secrets, sha256, singleton, sockets, stop_grace, summary, version",
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if refused[name] != want[name] {
			t.Errorf("%s\ngot  %s\nwant %s", name, refused[name], want[name])
		}
	}
	if len(refused) != len(want) {
		t.Errorf("refused: %v", refused)
	}
	if known := Read(f.paths, builtin).Names(); len(known) != len(want)+1 {
		t.Errorf("known: %v", known)
	}
}

func TestAFolderThatOthersMayWriteIsNotBelieved(t *testing.T) {
	f := newFolder(t)
	f.add("greeter", "")
	if err := os.Chmod(f.paths.Plugins, 0o770); err != nil {
		t.Fatal(err)
	}
	names, refused := f.read()
	if len(names) != 0 || refused["plugins"] != "no plugin runs: DIR can be written by others (mode 0770): chmod go-w DIR" {
		t.Errorf("%v, refused %v", names, refused)
	}
}

func TestWhatIsRemovedIsGoneAndNothingElse(t *testing.T) {
	f := newFolder(t)
	f.add("greeter", "")
	f.add("other", "")
	if err := Remove(f.paths, "greeter"); err != nil {
		t.Error(err)
	}
	if names, _ := f.read(); !slices.Equal(names, []string{"other"}) {
		t.Errorf("%v are there", names)
	}
	for name, want := range map[string]string{
		"greeter":  "there is no plugin greeter in " + f.paths.Plugins + ": `ocis plugins list` shows them",
		"../other": "\"../other\" is no name of a plugin: `ocis plugins list` shows them",
		"..":       "\"..\" is no name of a plugin: `ocis plugins list` shows them",
	} {
		if err := Remove(f.paths, name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestVerifyingReadsTheExecutable(t *testing.T) {
	f := newFolder(t)
	f.add("greeter", "")
	p := Read(f.paths, builtin).Plugins[0]
	if err := p.Verify(); err != nil {
		t.Error(err)
	}
	f.write("greeter", "#!/bin/false\n", 0o700)
	var changed *program.ChangedError
	if err := p.Verify(); !errors.As(err, &changed) || changed.Origin != filepath.Join(f.paths.Plugins, "greeter.yaml")+":2: sha256" {
		t.Errorf("got %v", err)
	}
}
