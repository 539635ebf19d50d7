package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

const patience = 30 * time.Second

// TestMain lets the test binary be the child: as "child BEHAVIOUR".
func TestMain(m *testing.M) {
	if os.Args[0] == "child" {
		behave(os.Args[1])
		return
	}
	os.Exit(m.Run())
}

// envStranger names a socket that is none of the child's business.
const envStranger = "CHILD_TEST_STRANGER"

func behave(behaviour string) {
	fmt.Fprintln(os.Stderr, "on stderr")
	switch behaviour {
	case "prints garbage":
		fmt.Println("good morning")
		select {}
	case "prints pipes":
		fmt.Println("a|b|c|d|e")
		select {}
	case "closes stdout":
		os.Stdout.Close()
		select {}
	case "says nothing":
		select {}
	case "names a TCP port":
		fmt.Printf("1|%d|tcp|somebody.invalid:80|netrpc\n", plugins.ProtocolVersion)
		select {}
	case "names a strange socket":
		fmt.Printf("1|%d|unix|/run/somebody.sock|netrpc\n", plugins.ProtocolVersion)
		select {}
	case "links to a strange socket":
		link := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "link")
		if err := os.Symlink(os.Getenv(envStranger), link); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("1|%d|unix|%s|netrpc\n", plugins.ProtocolVersion, link)
		select {}
	case "exits":
		os.Exit(4)
	case "ignores SIGTERM":
		signal.Ignore(syscall.SIGTERM)
	case "has another contract":
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: plugins.Handshake, Plugins: plugin.PluginSet{plugins.DispenseName: foreign{}},
			Logger: hclog.NewNullLogger(),
		})
		return
	case "has an older kit":
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: plugins.Handshake, Plugins: plugin.PluginSet{plugins.DispenseName: older{}}, Logger: hclog.NewNullLogger(),
		})
		return
	case "has another handshake":
		plugins.Handshake.ProtocolVersion++
	}
	plugins.Serve(plugins.Service{
		Declaration: plugins.Declaration{Name: "a", StopGrace: patience},
		Run: func(ctx context.Context, child *plugins.Child) error {
			if behaviour == "ignores SIGTERM" {
				signal.Ignore(syscall.SIGTERM) // again: Serve listens for it
			}
			fmt.Println("on stdout")
			child.Ready(plugins.Registration{Service: "a", Address: "unix:/a"})
			<-ctx.Done()
			if behaviour != "drains" {
				select {}
			}
			return nil
		},
		Health: func(context.Context) error {
			switch behaviour {
			case "feels ill":
				return errors.New("ill")
			case "complains without end":
				return errors.New(strings.Repeat("ill", maxAnswer))
			}
			return nil
		},
	})
}

// foreign is a child of a later version: it shakes hands as ours do, and means something else.
type foreign struct{ plugin.NetRPCUnsupportedPlugin }

func (foreign) Server(*plugin.MuxBroker) (any, error) { return foreignContract{}, nil }

type foreignContract struct{}

func (foreignContract) Describe(_ plugins.Empty, reply *plugins.Description) error {
	*reply = plugins.Description{Protocol: plugins.ProtocolVersion + 1, Service: "a", Instance: "a-1", Incarnation: "x"}
	return nil
}

// older is a child that was built before Describe told the declaration.
type older struct{ plugin.NetRPCUnsupportedPlugin }

func (older) Server(*plugin.MuxBroker) (any, error) { return olderContract{}, nil }

type olderContract struct{}

// OlderDescription is exported for net/rpc.
type OlderDescription struct {
	Protocol                                int
	Service, Version, Instance, Incarnation string
	Pid                                     int
}

func (olderContract) Describe(_ plugins.Empty, reply *OlderDescription) error {
	*reply = OlderDescription{Protocol: plugins.OldestProtocol, Service: "a", Version: "0.9", Instance: "a-1", Incarnation: "x", Pid: os.Getpid()}
	return nil
}

type started struct {
	*Child
	t   *testing.T
	log string
}

func start(t *testing.T, behaviour string, change ...func(*Spec)) started {
	t.Helper()
	dir, err := os.MkdirTemp("", "child") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	spec := Spec{
		Service: "a", Instance: "a-1", Incarnation: "x",
		Path: path, KnownAs: "/x/a", Args: []string{"child", behaviour}, Environ: []string{"GORACE=atexit_sleep_ms=0"},
		Log: log, ControlDir: dir, StartTimeout: patience,
	}
	for _, change := range change {
		change(&spec)
	}
	c, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	s := started{Child: c, t: t, log: log.Name()}
	t.Cleanup(func() {
		c.Kill()
		s.end()
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	})
	return s
}

func (s started) awaitReady() ([]plugins.Registration, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	return s.WaitReady(ctx)
}

func (s started) mustBeReady() {
	s.t.Helper()
	if _, err := s.awaitReady(); err != nil {
		s.t.Fatal(err)
	}
}

func (s started) end() process.Exit {
	s.t.Helper()
	select {
	case <-s.Done():
		return s.Wait()
	case <-time.After(patience):
		s.t.Fatal("it does not end")
		return process.Exit{}
	}
}

func TestAReadyChildNamesItsNodesAndLogsBothStreams(t *testing.T) {
	c := start(t, "drains")
	nodes, err := c.awaitReady()
	if err != nil || len(nodes) != 1 || nodes[0].Address != "unix:/a" {
		t.Errorf("%v %v", nodes, err)
	}
	c.Stop(t.Context(), patience)
	c.end()
	log, err := os.ReadFile(c.log)
	if err != nil || !strings.Contains(string(log), "on stderr") || !strings.Contains(string(log), "on stdout") {
		t.Errorf("its log: %q %v", log, err)
	}
}

func TestStopGoesOnlyAsFarAsItMust(t *testing.T) {
	for behaviour, test := range map[string]struct {
		grace time.Duration
		want  process.Exit
	}{
		"drains": {patience, process.Exit{Code: plugins.ExitDrained}},
		// It has its own deadline, the grace, after which it gives up by itself.
		"lingers": {time.Millisecond, process.Exit{Code: plugins.ExitLate}},
	} {
		t.Run(behaviour, func(t *testing.T) {
			c := start(t, behaviour)
			c.mustBeReady()
			c.Stop(t.Context(), test.grace)
			if got := c.end(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestStopEndsAChildThatNeverShookHands(t *testing.T) {
	c := start(t, "says nothing")
	c.Stop(t.Context(), patience)
	if got := c.end(); got.Signal != syscall.SIGTERM {
		t.Errorf("it %s", got)
	}
}

func TestStopKillsAStoppedProcessThatIgnoresSIGTERM(t *testing.T) {
	c := start(t, "ignores SIGTERM")
	c.mustBeReady()
	if err := c.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// It wakes up from SIGCONT, and may use the moment before SIGKILL to give up by itself.
	c.Stop(t.Context(), time.Millisecond)
	if got := c.end(); got.Signal != syscall.SIGKILL && got.Code != plugins.ExitLate {
		t.Errorf("it %s", got)
	}
}

func TestAChildThatBreaksTheContractIsDescribed(t *testing.T) {
	shortly := func(s *Spec) { s.StartTimeout = 200 * time.Millisecond }
	for behaviour, test := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"prints garbage": {func(*Spec) {}, `no handshake: /x/a: its first line on stdout is "good morning": print nothing there before plugins.Serve, logs belong on stderr`},
		"prints pipes":   {func(*Spec) {}, "no handshake: /x/a: its first line on stdout is no handshake of go-plugin: print nothing"},
		"says nothing":   {shortly, "no handshake: /x/a: nothing on stdout within 200ms: its main must call plugins.Serve at once"},
		"closes stdout":  {func(*Spec) {}, "no handshake: /x/a: it closed stdout without a word: its main must call plugins.Serve"},
		"exits":          {func(*Spec) {}, ""},
		"drains":         {func(s *Spec) { s.Service = "b" }, "/x/a says that it is a, expected b: its Name and that of the file must be the same"},

		"names a TCP port":       {func(*Spec) {}, `tcp "somebody.invalid:80", expected one in`},
		"names a strange socket": {func(*Spec) {}, `unix "/run/somebody.sock", expected one in`},

		"has another contract":  {func(*Spec) {}, fmt.Sprintf("it speaks version %d of the child contract, version %d is needed: build it", plugins.ProtocolVersion+1, plugins.ProtocolVersion)},
		"has another handshake": {func(*Spec) {}, fmt.Sprintf("no handshake: /x/a: it speaks version %d of the child contract, version %d is needed: build it", plugins.ProtocolVersion+1, plugins.ProtocolVersion)},
	} {
		t.Run(behaviour, func(t *testing.T) {
			_, err := start(t, behaviour, test.change).awaitReady()
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q", err)
			}
		})
	}
}

func TestAChildOfAnOlderKitIsUnderstood(t *testing.T) {
	c := start(t, "has an older kit")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if d, err := c.Describe(ctx); err != nil || d.Version != "0.9" || d.Declaration.Name != "" {
		t.Errorf("%+v %v", d, err)
	}
}

func TestAChildThatIsOnlyDescribedDoesNotRun(t *testing.T) {
	c := start(t, "drains", func(s *Spec) { s.DescribeOnly = true })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := c.Describe(ctx)
	if err != nil || d.Service != "a" || d.Declaration.Name != "a" || d.Declaration.StopGrace != patience {
		t.Errorf("%+v %v", d, err)
	}
	c.Stop(t.Context(), patience)
	if got := c.end(); got != (process.Exit{Code: plugins.ExitDrained}) {
		t.Errorf("it %s", got)
	}
	if log, err := os.ReadFile(c.log); err != nil || strings.Contains(string(log), "on stdout") {
		t.Errorf("it ran: %q %v", log, err)
	}
}

func TestAChildCannotLeadItsSupervisorToTheSocketOfSomebodyElse(t *testing.T) {
	dir, err := os.MkdirTemp("", "child") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	stranger, err := net.Listen("unix", filepath.Join(dir, "stranger"))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	heard := make(chan string, 1)
	go func() {
		conn, err := stranger.Accept()
		if err != nil {
			heard <- err.Error()
			return
		}
		said, _ := io.ReadAll(conn)
		heard <- string(said)
	}()
	c := start(t, "links to a strange socket", func(s *Spec) {
		s.Environ = append(s.Environ, envStranger+"="+stranger.Addr().String())
	})
	if _, err := c.awaitReady(); err == nil || !strings.Contains(err.Error(), "another program's") {
		t.Errorf("got %v", err)
	}
	if said := <-heard; said != "" {
		t.Errorf("the stranger was told %q", said)
	}
}

func TestAnAnswerWithoutEndEndsTheConnection(t *testing.T) {
	c := start(t, "complains without end")
	c.mustBeReady()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if reply, err := c.Health(ctx); !errors.Is(err, plugins.ErrDisconnected) {
		t.Errorf("%d bytes of message, %v", len(reply.Message), err)
	}
}

func TestAReadyChildHasNoFolderToFillTheDiskWith(t *testing.T) {
	c := start(t, "drains")
	c.mustBeReady()
	if _, err := os.Stat(c.controlDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its control folder: %v", err)
	}
}

func TestHealthTellsABadAnswerFromNone(t *testing.T) {
	c := start(t, "feels ill")
	c.mustBeReady()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if reply, err := c.Health(ctx); err != nil || reply.Healthy || reply.Message != "ill" {
		t.Errorf("%+v %v", reply, err)
	}
	if err := c.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// The signal takes effect a little after it was sent.
	for begin := time.Now(); time.Since(begin) < patience; {
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := c.Health(short)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return
		}
	}
	t.Error("a stopped process goes on answering")
}

func TestAProgramThatIsNotThereIsNamed(t *testing.T) {
	dir := t.TempDir()
	_, err := Start(Spec{Path: filepath.Join(dir, "missing"), Args: []string{"x"}, ControlDir: dir, StartTimeout: patience})
	if err == nil || !strings.Contains(err.Error(), "missing") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
