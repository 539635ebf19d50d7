package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/logfile"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// describeTimeout bounds the first call after the handshake.
const describeTimeout = 5 * time.Second

// Spec says what to start.
type Spec struct {
	Service     string
	Instance    string
	Incarnation string

	Path    string   // executable
	KnownAs string   // the file that people know it by; "": Path
	Args    []string // argv, with the program's name first
	Environ []string // of the child; the contract's variables are added

	Log         *os.File
	LogFrom     logfile.Position // where the child's lines begin
	Sockets     []*os.File
	SocketNames []string
	ControlDir  string // where the child's control socket goes; the path must be short

	Sandbox *Sandbox // nil: the child is not isolated

	DescribeOnly bool          // the child says who it is, and does not run
	StartTimeout time.Duration // from exec to handshake
	OrphanGrace  time.Duration // the child serves on for so long without a call; 0: plugins.DefaultOrphanGrace

	// Place chooses where the process is born; see process.Spec. It may be nil.
	Place func(attributes *syscall.SysProcAttr, fork func() error) error
}

func (s Spec) environ() []string {
	launch := plugins.Launch{Instance: s.Instance, Incarnation: s.Incarnation, OrphanGrace: s.OrphanGrace, SocketNames: s.SocketNames, DescribeOnly: s.DescribeOnly}
	return append(append([]string(nil), s.Environ...), launch.Environ()...)
}

// Child is a process that was started. It is safe for concurrent use.
type Child struct {
	spec       Spec
	process    *process.Process
	stdout     *os.File       // the pipe of the handshake
	entry      *sandbox.Entry // nil: the child is not isolated
	client     *plugin.Client
	connection *connection // nil: there is none; valid once handshake is closed
	controlDir string      // made by go-plugin for this child's socket

	greeted     chan struct{} // closed when the handshake line has come, or will not
	dispensed   chan struct{} // closed when remote is set: it can be called
	handshake   chan struct{} // closed when err is set; nil: it is who it should be
	remote      *plugins.Remote
	err         error
	description plugins.Description // what it says of itself; valid once handshake is closed
	cleaned     sync.WaitGroup
}

// contract is what go-plugin finds in a child.
var contract = plugin.PluginSet{plugins.DispenseName: &plugins.Binding{}}

// Start executes the program and returns as soon as its process exists; WaitReady
// tells about the rest. The child must be waited for with Wait, which also cleans up.
func Start(spec Spec) (*Child, error) {
	c := &Child{spec: spec, greeted: make(chan struct{}), dispensed: make(chan struct{}), handshake: make(chan struct{})}
	executed := make(chan *childRunner, 1)
	c.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugins.Handshake,
		VersionedPlugins: versions(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolNetRPC},
		StartTimeout:     spec.StartTimeout,
		SkipHostEnv:      true,
		Logger:           hclog.NewNullLogger(),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: spec.ControlDir},
		RunnerFunc: func(_ hclog.Logger, command *exec.Cmd, controlDir string) (runner.Runner, error) {
			c.controlDir = controlDir
			started := func(r *childRunner) {
				c.entry = r.entry
				executed <- r
			}
			return &childRunner{spec: spec, command: command, controlDir: controlDir, started: started}, nil
		},
	})
	c.cleaned.Go(func() {
		c.err = c.shakeHands()
		close(c.handshake)
		close(executed)
	})
	r, ok := <-executed
	if !ok {
		c.cleaned.Wait()
		os.RemoveAll(c.controlDir)
		return nil, c.err
	}
	c.process, c.stdout = r.process, r.stdout
	return c, nil
}

// shakeHands blocks until the child has said who it is, or has ended.
func (c *Child) shakeHands() error {
	protocol, err := c.connect()
	close(c.greeted)
	if c.entry != nil {
		if err := c.spec.Sandbox.report(c.entry); err != nil {
			return err
		}
	}
	if err != nil {
		return c.spec.explain(err)
	}
	dispensed, err := protocol.Dispense(plugins.DispenseName)
	if err != nil {
		return fmt.Errorf("no handshake: %w", err)
	}
	remote, ok := dispensed.(*plugins.Remote)
	if !ok {
		return fmt.Errorf("no handshake: go-plugin gave a %T", dispensed)
	}
	c.remote = remote
	close(c.dispensed)
	ctx, cancel := context.WithTimeout(context.Background(), describeTimeout)
	defer cancel()
	description, err := remote.Describe(ctx)
	if err != nil {
		return err
	}
	c.description = description
	return c.identify(description)
}

// connect does what go-plugin's Client.Client does, over a connection of ours.
func (c *Child) connect() (plugin.ClientProtocol, error) {
	address, err := c.client.Start()
	if err != nil {
		return nil, err
	}
	if c.connection, err = connectTo(address); err != nil {
		return nil, err
	}
	// Nobody connects again, and a folder that is gone holds nothing: one that stayed would be
	// space on the disk for a child that may write nowhere.
	os.RemoveAll(c.controlDir)
	protocol, err := plugin.NewRPCClient(c.connection, contract)
	if err != nil {
		return nil, err
	}
	return protocol, protocol.SyncStreams(io.Discard, io.Discard)
}

// Identity returns what tells the child's process from others.
func (c *Child) Identity() process.Identity { return c.process.Identity() }

// Pid returns the id of the child's process.
func (c *Child) Pid() int { return c.process.Pid() }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.process.Done() }

// Greeted is closed when the handshake line of the child has come, or will not come any more.
// From then on it answers calls at once, or hangs.
func (c *Child) Greeted() <-chan struct{} { return c.greeted }

// Wait blocks until the process has ended and everything of it is cleaned up.
func (c *Child) Wait() process.Exit {
	<-c.process.Done()
	c.stdout.Close() // a descendant may hold the other end
	c.cleaned.Wait()
	if c.connection != nil {
		c.connection.Close()
	}
	os.RemoveAll(c.controlDir)
	c.client.Kill() // waits for go-plugin's goroutines; it finds neither a process nor a socket
	return c.process.Exit()
}

// Exit says how the process ended. It is valid after Done.
func (c *Child) Exit() process.Exit { return c.process.Exit() }

// WaitReady blocks until the child is ready and returns its registry nodes. It
// returns an error when the child ends, cannot shake hands, or ctx is done.
func (c *Child) WaitReady(ctx context.Context) ([]plugins.Registration, error) {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan readiness, 1)
	go func() { answer <- c.askReady(asking) }() // while it is still being asked who it is
	if _, err := c.connected(ctx); err != nil {
		cancel()
		<-answer
		return nil, err
	}
	ready := <-answer
	if ready.err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("not ready in time: %w", context.Cause(ctx))
	}
	return ready.nodes, ready.err
}

// readiness is the outcome of a start.
type readiness struct {
	nodes []plugins.Registration
	err   error
}

// askReady calls the child as soon as it can be called.
func (c *Child) askReady(ctx context.Context) readiness {
	select {
	case <-c.dispensed:
		nodes, err := c.remote.WaitReady(ctx)
		return readiness{nodes: nodes, err: err}
	case <-ctx.Done():
		return readiness{err: ctx.Err()}
	}
}

// Describe blocks until the child has said who it is, and returns that. It returns an error
// when the child cannot shake hands, is somebody else, or ctx is done.
func (c *Child) Describe(ctx context.Context) (plugins.Description, error) {
	select {
	case <-c.handshake:
		return c.description, c.err
	case <-ctx.Done():
		return plugins.Description{}, c.spec.explain(context.Cause(ctx))
	}
}

// Health asks the child how it is. An error means that there was no answer.
func (c *Child) Health(ctx context.Context) (plugins.HealthReply, error) {
	remote, err := c.connected(ctx)
	if err != nil {
		return plugins.HealthReply{}, err
	}
	return remote.Health(ctx)
}

func (c *Child) connected(ctx context.Context) (*plugins.Remote, error) {
	select {
	case <-c.handshake:
		return c.remote, c.err
	case <-c.Done():
		return nil, errors.New("it ended before it was ready")
	case <-ctx.Done():
		return nil, fmt.Errorf("no handshake in time: %w", context.Cause(ctx))
	}
}

// Signal sends a signal to the process alone.
func (c *Child) Signal(signal syscall.Signal) error { return c.process.Signal(signal) }

// Kill ends the process and its group at once.
func (c *Child) Kill() { _ = c.process.SignalGroup(syscall.SIGKILL) } // gone is as good
