package child

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// childRunner starts the process of a child when go-plugin asks for it. It implements
// go-plugin's runner.Runner.
type childRunner struct {
	spec       Spec
	command    *exec.Cmd // carries the environment of the handshake
	controlDir string    // where the child makes its control socket
	started    func(*childRunner)

	process *process.Process
	stdout  *os.File       // our end of the child's stdout, on which the handshake line comes
	entry   *sandbox.Entry // nil: it is not isolated
}

// Start implements runner.Runner.
func (r *childRunner) Start(context.Context) error {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	spec := process.Spec{
		Path: r.spec.Path, Args: r.spec.Args, Env: append(r.spec.environ(), r.command.Env...),
		Files: append([]*os.File{nil, theirs, r.spec.Log}, r.spec.Sockets...), Place: r.spec.Place,
	}
	if r.spec.Sandbox != nil {
		if spec, r.entry, err = r.spec.Sandbox.Enter(spec, r.controlDir); err != nil {
			ours.Close()
			return err
		}
		defer r.entry.Started()
	}
	r.process, err = process.Start(spec)
	if err != nil {
		ours.Close()
		if r.entry != nil {
			r.entry.Close()
		}
		return err
	}
	r.stdout = ours
	r.started(r)
	return nil
}

// Diagnose implements runner.Runner; the log's last lines are added by the caller.
func (r *childRunner) Diagnose(context.Context) string { return "" }

// Stdout implements runner.Runner.
func (r *childRunner) Stdout() io.ReadCloser { return r.stdout }

// Stderr implements runner.Runner. The child writes to its log file itself.
func (r *childRunner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (r *childRunner) Name() string { return r.spec.Instance }

// Wait implements runner.Runner.
func (r *childRunner) Wait(ctx context.Context) error {
	select {
	case <-r.process.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill implements runner.Runner. It does nothing: go-plugin calls it when a handshake
// fails, and who ends the process then, with what reason on record, is not its decision.
func (r *childRunner) Kill(context.Context) error { return nil }

// ID implements runner.Runner. Empty: nothing was started.
func (r *childRunner) ID() string {
	if r.process == nil {
		return ""
	}
	return strconv.Itoa(r.process.Pid())
}

// PluginToHost implements runner.Runner. It gets what the child says in its handshake, before
// go-plugin looks names up: a child has no part in whom the supervisor connects to.
func (r *childRunner) PluginToHost(network, address string) (string, string, error) {
	if network != "unix" || filepath.Dir(address) != r.controlDir {
		return "", "", fmt.Errorf("its control socket is %s %q, expected one in %s", network, address, r.controlDir)
	}
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (r *childRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
