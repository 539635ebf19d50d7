package interview

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/program"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// TestMain lets the binary of the tests be the executables that are asked, by their names,
// and the stage of their sandboxes.
func TestMain(m *testing.M) {
	sandbox.Stage(os.Args)
	if behave, ok := behaviours[os.Args[0]]; ok {
		behave()
		return
	}
	os.Exit(m.Run())
}

var behaviours = map[string]func(){
	"honest":  func() { serve("honest") },
	"liar":    func() { serve("webdav") },
	"garbage": func() { fmt.Println("good morning"); select {} },
	"silent":  func() { select {} },
	"broken":  func() { panic("out of luck") },
	"mute":    func() {},
	"newer":   func() { plugins.Handshake.ProtocolVersion++; serve("newer") },
	"foreign": func() {
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "SOMEBODY_ELSES", MagicCookieValue: "x"},
			Plugins:         plugin.PluginSet{}, Logger: hclog.NewNullLogger(),
		})
	},
}

func serve(name string) {
	plugins.Serve(plugins.Service{
		Declaration: plugins.Declaration{Name: name, Version: "1.2.3", Summary: "for tests", Needs: []string{"nats"}},
		Run: func(context.Context, *plugins.Child) error {
			panic("it runs")
		},
	})
}

// ask interviews this binary under another name, or another program that is there.
func ask(t *testing.T, name string, bound time.Duration) (string, plugins.Description, error) {
	t.Helper()
	base, err := os.MkdirTemp("", "ask") // shorter than t.TempDir, for the sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	t.Setenv("OCIS_BASE_DATA_PATH", base)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	src, err := config.Open()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(base, name)
	content, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(path, content, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	sum, err := program.Sum(path)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := Ask(t.Context(), Subject{
		Name: name, Source: src, Binary: binary, Bound: bound,
		Program: program.Program{Path: path, Args: []string{name}, SHA256: sum},
	})
	nothingIsLeft(t, base)
	return path, answer, err
}

func nothingIsLeft(t *testing.T, base string) {
	t.Helper()
	for _, pattern := range []string{"run/ask-*", "run/ctl/*", "run/sandbox/*"} {
		if left, _ := filepath.Glob(filepath.Join(base, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if runtime.GOOS == "linux" {
		if left := process.FindByEnvironment("OCIS_BASE_DATA_PATH=" + base); len(left) > 0 {
			t.Errorf("processes are left: %v", left)
		}
	}
}

func TestAnExecutableSaysWhoItIsWithoutRunning(t *testing.T) {
	_, answer, err := ask(t, "honest", 0)
	if err != nil || answer.Service != "honest" || answer.Version != "1.2.3" || answer.Protocol != plugins.ProtocolVersion {
		t.Errorf("%+v %v", answer, err)
	}
	if d := answer.Declaration; d.Summary != "for tests" || len(d.Needs) != 1 {
		t.Errorf("it declares %+v", d)
	}
}

func TestWhatIsNoServiceIsRefusedWithOneLine(t *testing.T) {
	const late = 500 * time.Millisecond
	for name, test := range map[string]struct {
		bound time.Duration
		want  string
	}{
		"liar":    {0, "PATH says that it is webdav, expected liar: its Name and that of the file must be the same"},
		"garbage": {0, `no handshake: PATH: its first line on stdout is "good morning": print nothing there before plugins.Serve, logs belong on stderr`},
		"silent":  {late, "no handshake: PATH: nothing on stdout within 500ms: its main must call plugins.Serve at once"},
		"broken":  {0, `no handshake: PATH: it closed stdout without a word: its main must call plugins.Serve; it exited with code 2; it said "panic: out of luck"`},
		"mute":    {0, "no handshake: PATH: it closed stdout without a word: its main must call plugins.Serve; it exited with code 0"},
		"foreign": {0, "PATH wants another cookie, it is a plugin of another program: build it with plugins.Serve, or serve go-plugin with plugins.Handshake"},
		"newer":   {0, "no handshake: PATH: it speaks version 2 of the child contract, version 1 is needed: build it with the package plugins of this runtime"},
	} {
		t.Run(name, func(t *testing.T) {
			path, _, err := ask(t, name, test.bound)
			if want := strings.ReplaceAll(test.want, "PATH", path); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}
