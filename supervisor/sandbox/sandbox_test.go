//go:build linux

package sandbox

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

const patience = 20 * time.Second

// The binary of the tests is a stage also, as the main binary is.
func TestMain(m *testing.M) {
	Stage(os.Args)
	os.Exit(m.Run())
}

// box is a service's sandbox, whose program is the shell.
type box struct {
	t     *testing.T
	paths config.Paths
	plan  Plan
	env   []string
}

func newBox(t *testing.T, profile plugins.Profile) *box {
	t.Helper()
	base, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	b := &box{t: t, paths: config.Paths{Base: base, Run: filepath.Join(base, "run")}, env: []string{"PATH=/usr/bin:/bin"}}
	if err := b.paths.MakeDirs(); err != nil {
		t.Fatal(err)
	}
	b.plan, err = NewPlan(plugins.Declaration{Name: "web", Profile: profile}, b.paths, true, "/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	b.plan.Grant(AccessExecute, "/usr/bin")
	return b
}

// start executes a script in the sandbox.
func (b *box) start(script string) (*process.Process, *Entry, io.ReadCloser, error) {
	b.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	defer write.Close()
	b.t.Cleanup(func() { read.Close() })
	spec, entry, err := b.plan.Wrap(process.Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: b.env, Files: []*os.File{nil, write, write},
	}, binary, []byte("web: {}\n"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(entry.Close)
	p, err := process.Start(spec)
	entry.Started()
	return p, entry, read, err
}

// run returns what a script prints, and the layers around it.
func (b *box) run(script string) (string, []client.Layer) {
	b.t.Helper()
	p, entry, out, err := b.start(script)
	if err != nil {
		b.t.Fatal(err)
	}
	layers, err := entry.Report(patience)
	if err != nil {
		b.t.Error(err)
	}
	output, err := io.ReadAll(out)
	if err != nil {
		b.t.Fatal(err)
	}
	<-p.Done()
	return strings.TrimSpace(string(output)), layers
}

func TestEveryPromisedLayerIsEnforced(t *testing.T) {
	_, layers := newBox(t, plugins.Profile{}).run("exit 0")
	if !Full(layers) {
		t.Errorf("got %+v", layers)
	}
	for _, l := range layers {
		if l.State != client.LayerEnforced || l.Detail == "" {
			t.Errorf("%+v", l)
		}
	}
}

func TestTheProgramSeesWhatItsProfileGrantsAndNothingElse(t *testing.T) {
	outside := t.TempDir()
	for name, content := range map[string]string{"read/a": "readable", "write/a": "writable", "secret/a": "secret"} {
		file := filepath.Join(outside, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBox(t, plugins.Profile{Read: []string{outside + "/read"}, Write: []string{outside + "/write"}})
	for script, want := range map[string]string{
		"cat " + outside + "/read/a":                        "readable",
		"cat " + outside + "/write/a":                       "writable",
		"cat " + outside + "/secret/a || echo no":           "No such file or directory",
		"echo x > " + outside + "/read/b || echo no":        "no",
		"echo x > " + outside + "/b; echo on":               "on", // that is its own /tmp
		"mv " + outside + "/write/a " + outside + "/read/a": "Read-only file system",
		"cat /etc/passwd || echo no":                        "No such file or directory",
		"ls / || echo no":                                   "Permission denied",
		"echo x > /tmp/x && cat /tmp/x":                     "x",
		"echo x > /x || echo no":                            "no",
		"ls /proc | grep -c '^[0-9]'":                       "3", // the shell and the two
		"cat /proc/sys/kernel/hostname || echo no":          "No such file or directory",
		"cat /proc/sys/kernel/core_pattern || echo no":      "No such file or directory",
		"hostname":           "web",
		"kill -9 1; echo on": "on", // the shell is process 1, which its own signals do not end
		"cat /proc/net/dev | tail -n +3 | grep -v lo: ; echo -": "-",
	} {
		if got, _ := b.run(script); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
	if content, _ := os.ReadFile(outside + "/read/a"); string(content) != "readable" {
		t.Errorf("what may be read only was changed to %q", content)
	}
	if _, err := os.Stat(outside + "/b"); err == nil {
		t.Error("it wrote into the machine's file tree")
	}
	got, _ := b.run("echo new > " + outside + "/write/b; mkdir " + outside + "/write/c; mv " + outside + "/write/b " + outside + "/write/c/b")
	if content, err := os.ReadFile(outside + "/write/c/b"); string(content) != "new\n" {
		t.Errorf("what it may write is not there: %q, %v, %s", content, err, got)
	}
}

func TestTheProgramGetsNoDescriptorAndNoVariableBeyondItsOwn(t *testing.T) {
	secret, err := os.CreateTemp("", "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(secret.Name())
	defer secret.Close()
	b := newBox(t, plugins.Profile{Environment: []string{"WANTED"}})
	b.env = append(b.env, "WANTED=1", "SECRET=1", "WEB_ADDR=x", "STORAGE_ADDR=x")
	got, _ := b.run("ls /proc/self/fd | tr '\\n' ' '; env")
	if fields := strings.Fields(got); len(fields) < 5 || strings.Join(fields[:5], " ") != "0 1 2 3 4" { // 3 has the settings, and 4 is ls's own
		t.Errorf("descriptors: %s", got)
	}
	if got, _ := b.run("wc -c <&$OCIS_CHILD_SETTINGS"); got != "8" {
		t.Errorf("the settings have %s bytes", got)
	}
	if got, _ := b.run("cat <&$OCIS_CHILD_SETTINGS"); got != "web: {}" {
		t.Errorf("the settings are %q", got)
	}
	for _, part := range []string{"WANTED=1", "WEB_ADDR=x"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %s in %s", part, got)
		}
	}
	if strings.Contains(got, "SECRET") || strings.Contains(got, "STORAGE_ADDR") {
		t.Errorf("got %s", got)
	}
}

func TestNothingSurvivesTheProgram(t *testing.T) {
	b := newBox(t, plugins.Profile{})
	p, _, out, err := b.start("setsid sleep 600 & setsid sh -c 'sleep 600 & sleep 600' & echo started; read forever")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	_ = p.Signal(9)
	<-p.Done()
	if rest, err := io.ReadAll(out); err != nil { // it ends only when nobody holds the other end
		t.Errorf("%q: %v", rest, err)
	}
}

func TestAStrictPlanFailsWhereALayerIsMissingAndABestEffortOneSaysSo(t *testing.T) {
	b := newBox(t, plugins.Profile{})
	b.plan.Mounts = append(b.plan.Mounts, Mount{Path: "/this/is/not/there", Access: AccessRead})
	p, entry, _, err := b.start("echo ran")
	if err != nil {
		t.Fatal(err)
	}
	_, err = entry.Report(patience)
	if err == nil || !strings.HasPrefix(err.Error(), "cannot be isolated: file tree: make a place for /this/is/not/there: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	<-p.Done()
	if exit := p.Exit(); exit.Code != exitNoSandbox {
		t.Errorf("it %s", exit)
	}
	b.plan.Strict = false
	b.plan.Mounts = b.plan.Mounts[:len(b.plan.Mounts)-1]
	b.plan.Base = "/dev/null/x"
	if _, _, err := b.plan.Wrap(process.Spec{Args: []string{"sh"}}, "/bin/sh", nil); err == nil {
		t.Error("a base that cannot be is taken")
	}
}

func TestAProgramThatCannotBeExecutedIsSaidToBeThat(t *testing.T) {
	b := newBox(t, plugins.Profile{})
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec, entry, err := b.plan.Wrap(process.Spec{Path: "/etc/nothing", Args: []string{"x"}, Files: []*os.File{nil, nil, nil}}, binary, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	p, err := process.Start(spec)
	entry.Started()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Report(patience); err == nil || !strings.Contains(err.Error(), "execute /etc/nothing: no such file") {
		t.Errorf("got %v", err)
	}
	<-p.Done()
}

func TestTheArgumentsOfOthersAreNoStage(t *testing.T) {
	for _, args := range [][]string{{}, {"ocis"}, {"ocis", "web", "server"}, {"ocis", stageName}, {"ocis", stageName, "3", "4"}} {
		Stage(args) // or the tests end here
	}
}
