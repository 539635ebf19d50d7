//go:build linux

package sandbox

import (
	"fmt"
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

func TestMain(m *testing.M) {
	Stage(os.Args)
	os.Exit(m.Run())
}

// box is a service's sandbox in a test.
type box struct {
	t     *testing.T
	paths config.Paths
	plan  Plan
}

// newBox makes the plan of a service with that profile, whose program is the shell.
func newBox(t *testing.T, profile plugins.Profile) *box {
	t.Helper()
	base, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	b := &box{t: t, paths: config.Paths{Base: base, Run: filepath.Join(base, "run")}}
	if err := b.paths.MakeDirs(); err != nil {
		t.Fatal(err)
	}
	b.plan, err = NewPlan(plugins.Declaration{Name: "web", Profile: profile}, b.paths, true, "/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run executes a script in the sandbox, and returns its output and the layers.
func (b *box) run(script string) (string, []client.Layer) {
	b.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	defer read.Close()
	spec := process.Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Files: []*os.File{nil, write, write},
	}
	spec, entry, err := b.plan.Wrap(spec, binary)
	if err != nil {
		b.t.Fatal(err)
	}
	defer entry.Close()
	p, err := process.Start(spec)
	entry.Started()
	write.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	layers, err := entry.Report(patience)
	if err != nil {
		b.t.Error(err)
	}
	output, err := io.ReadAll(read)
	if err != nil {
		b.t.Fatal(err)
	}
	<-p.Done()
	return strings.TrimSpace(string(output)), layers
}

func TestTry(t *testing.T) {
	b := newBox(t, plugins.Profile{})
	began := time.Now()
	out, layers := b.run("id; ls -la / /dev /tmp /proc; cat /proc/self/status | grep -E 'Cap|NoNew|Seccomp'; cat /proc/net/dev; mount; touch /x; touch /tmp/y; ls /tmp; hostname; ulimit -a; cat /etc/passwd; kill -9 1")
	fmt.Println(time.Since(began))
	fmt.Println(out)
	for _, l := range layers {
		fmt.Println(l)
	}
	fmt.Println(Score(layers), Full(layers))
}
