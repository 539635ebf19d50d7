package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

const patience = 8 * time.Second

// runtime is a supervisor under test, with real processes.
type runtime struct {
	*Supervisor
	t      *testing.T
	paths  config.Paths
	nodes  *nodes
	cancel context.CancelFunc
	ended  chan error
}

// nodes is a Registrar that remembers.
type nodes struct {
	mu    sync.Mutex
	is    map[string]bool
	not   map[string]bool // stopped
	panic string          // the instance at whose next entry it panics
}

func (n *nodes) Enter(instance string, _ []plugins.Registration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.panic == instance {
		n.panic = ""
		panic("out of luck")
	}
	n.is[instance] = true
}

func (n *nodes) Remove(instance string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.is, instance)
}

func (n *nodes) SetStopped(service string, stopped bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.not[service] = stopped
}

func (n *nodes) stopped(service string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.not[service]
}

func (n *nodes) entered() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.is))
}

// child describes a child of a test: what it does and what it needs.
type testChild struct {
	behaviour string
	needs     []string
	change    func(*plugins.Declaration)
}

func testSettings() Settings {
	return Settings{
		HealthInterval: 100 * time.Millisecond, HealthTimeout: time.Second,
		BackoffFirst: 50 * time.Millisecond, BackoffCap: time.Second, BackoffStable: time.Hour,
		StopBound: patience, LogBytes: 1 << 20, LogFiles: 1,
	}
}

// prepareRuntime makes a supervisor for these children in a folder of its own.
func prepareRuntime(t *testing.T, base string, children map[string]testChild, settings Settings) *runtime {
	t.Helper()
	paths := config.Paths{Base: base, Run: filepath.Join(base, "run")}
	options := Options{
		Paths: paths, Settings: settings, Executable: executable(t), Log: logrus.New(), Node: "here",
		Programs: map[string]program.Program{},
		Environ:  append(os.Environ(), "GORACE=atexit_sleep_ms=0"), // or each child's exit takes a second under -race
	}
	options.Log.SetOutput(&testWriter{t: t})
	for name, c := range children {
		d := declare(name)
		d.Sockets[0].Address = paths.Socket(name, "")
		d.Needs = c.needs
		d.StopGrace = patience
		if c.change != nil {
			c.change(&d)
		}
		options.Declarations = append(options.Declarations, d)
		options.Programs[name] = program.Builtin(options.Executable, name)
		options.Environ = append(options.Environ, "BEHAVIOUR_"+name+"="+c.behaviour, "SICK_"+name+"="+filepath.Join(base, "sick-"+name), "ORDERS_"+name+"="+filepath.Join(base, "orders-"+name))
	}
	r := &runtime{t: t, paths: paths, nodes: &nodes{is: map[string]bool{}, not: map[string]bool{}}, ended: make(chan error, 1)}
	options.Registrar = r.nodes
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	r.Supervisor = s
	return r
}

// startRuntime also serves, and checks at the end of the test that nothing is left.
func startRuntime(t *testing.T, children map[string]testChild) *runtime {
	t.Helper()
	r := prepareRuntime(t, tempDir(t), children, testSettings())
	r.serve()
	return r
}

func (r *runtime) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.Serve(ctx, nil) }()
	r.t.Cleanup(func() { r.stop() })
}

// stop ends the runtime in order and returns what Serve returned.
func (r *runtime) stop() error {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		r.ended <- err
		r.nothingIsLeft()
		return err
	case <-time.After(2 * patience):
		r.t.Fatal("the runtime does not stop")
		return nil
	}
}

func (r *runtime) nothingIsLeft() {
	r.t.Helper()
	for _, instance := range r.List() {
		if instance.Pid != 0 {
			r.t.Errorf("%s still has process %d", instance.Instance, instance.Pid)
		}
	}
	filepath.WalkDir(r.paths.Run, func(path string, entry os.DirEntry, err error) error {
		if err == nil && (entry.Type() == os.ModeSocket || strings.HasPrefix(entry.Name(), "plugin-dir")) {
			r.t.Errorf("%s is left", path)
		}
		return nil
	})
}

func (r *runtime) instance(name string) client.Instance {
	r.t.Helper()
	for _, instance := range r.List() {
		if instance.Service == name {
			return instance
		}
	}
	r.t.Fatalf("no service %s", name)
	return client.Instance{}
}

// await follows the history until condition holds.
func (r *runtime) await(what string, condition func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	done := errors.New("done")
	err := r.History().Follow(ctx, 0, func(client.Event) error {
		if condition() {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		r.t.Fatalf("never: %s; %+v", what, r.List())
	}
}

func (r *runtime) awaitStatus(name string, status client.Status) client.Instance {
	r.t.Helper()
	r.await(fmt.Sprintf("%s is %s", name, status), func() bool { return r.instance(name).Status == status })
	return r.instance(name)
}

func (r *runtime) awaitReady() {
	r.t.Helper()
	select {
	case <-r.Ready():
	case err := <-r.ended:
		r.t.Fatalf("the runtime ended: %v", err)
	case <-time.After(patience):
		r.t.Fatalf("not ready: %+v", r.List())
	}
}

// ask connects to a service and returns its answer, the pid of its child.
func (r *runtime) ask(name string) (string, error) {
	conn, err := net.DialTimeout("unix", r.paths.Socket(name, ""), patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// tempDir returns a folder whose name is short enough for sockets below it.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ocis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// testWriter sends log lines to the test, as long as it runs.
type testWriter struct {
	t *testing.T
}

func (w *testWriter) Write(line []byte) (int, error) {
	if w.t.Context().Err() == nil {
		w.t.Log(strings.TrimSpace(string(line)))
	}
	return len(line), nil
}

func processIsGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
