// Package interview runs an executable once and asks it who it is.
//
// The program does not run its service: it is told to answer Describe only. It runs in a
// sandbox with the layers that the machine has, without a network, and without any folder or
// secret; a script runs without a sandbox, which would not show its interpreter. It is given
// no more than Bound, and nothing of it is left afterwards.
//
// What it answers is not to be trusted for more than what stands in a manifest.
package interview

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/child"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

// DefaultBound is how long an executable may take to answer.
const DefaultBound = 10 * time.Second

// Subject is what is asked.
type Subject struct {
	Name    string          // the service that it should be
	Program program.Program // with its checksum
	Others  []plugins.Declaration
	Source  *config.Source
	Binary  string        // the main one, which builds the sandbox
	Bound   time.Duration // 0: DefaultBound
}

// Ask returns what the program says of itself. An error is one line that names the file and
// the remedy.
func Ask(ctx context.Context, s Subject) (answer plugins.Description, err error) {
	paths := s.Source.Paths
	controls := filepath.Join(paths.Run, "ctl")
	if err := errors.Join(paths.MakeDirs(), os.MkdirAll(controls, 0o700)); err != nil {
		return answer, err
	}
	folder, err := os.MkdirTemp(paths.Run, "ask-")
	if err != nil {
		return answer, fmt.Errorf("prepare to ask %s: %w", s.Program.Path, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	spec, err := s.spec(folder, controls)
	if err != nil {
		return answer, err
	}
	defer spec.Log.Close()
	asked, err := child.Start(spec)
	if err != nil {
		return answer, fmt.Errorf("%s cannot be started: %w", s.Program.Path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*spec.StartTimeout) // the handshake has its own bound
	defer cancel()
	answer, err = asked.Describe(ctx)
	asked.Kill()
	exit := asked.Wait()
	if err != nil {
		return answer, s.explain(err, exit, logfile.LastWords(spec.Log.Name(), lastLines, logfile.Position{}, logfile.Position{}))
	}
	return answer, nil
}

// spec says how it is run.
func (s Subject) spec(folder, controls string) (child.Spec, error) {
	paths := s.Source.Paths
	d := plugins.Declaration{Name: s.Name, Profile: plugins.Profile{Isolate: plugins.IsolationBestEffort}}
	spec := child.Spec{
		Service: s.Name, Instance: s.Name + "-1", Incarnation: rand.Text(), DescribeOnly: true,
		Args: s.Program.Args, KnownAs: s.Program.Path, Environ: supervisor.ForSandbox(os.Environ(), d, s.Others, paths),
		ControlDir: controls, StartTimeout: cmp.Or(s.Bound, DefaultBound),
	}
	var err error
	if spec.Path, err = program.NewStore(filepath.Join(folder, "programs")).Executable(s.Program); err != nil {
		return spec, err
	}
	if runtime.GOOS == "linux" && !isScript(spec.Path) {
		if spec.Sandbox, err = supervisor.NewSandbox(d, paths, s.Binary, spec.Path, s.Source.Excerpt); err != nil {
			return spec, err
		}
		spec.Sandbox.Built = func([]client.Layer) {}
	}
	if spec.Log, err = logfile.Open(filepath.Join(folder, "log")); err != nil {
		return spec, err
	}
	return spec, nil
}

func isScript(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	mark := make([]byte, 2)
	n, _ := file.Read(mark)
	return string(mark[:n]) == "#!"
}

// lastLines is how much of what it said is looked at.
const lastLines = 20

// refusesCookie begins what a plugin of go-plugin says to whom it does not take for its host
// (server.go of go-plugin 1.8.0, Serve).
const refusesCookie = "This binary is a plugin."

// explain adds how it ended and its last words to why it did not answer.
func (s Subject) explain(problem error, exit process.Exit, said []string) error {
	for _, line := range said {
		if strings.HasPrefix(line, refusesCookie) {
			return fmt.Errorf("%s wants another cookie, it is a plugin of another program: build it with plugins.Serve, or serve go-plugin with plugins.Handshake",
				s.Program.Path)
		}
	}
	if exit.Code >= 0 { // nobody killed it
		problem = fmt.Errorf("%w; it %s", problem, exit)
	}
	if cause := logfile.Cause(said); cause != "" {
		problem = fmt.Errorf("%w; it said %q", problem, cause)
	}
	return problem
}
