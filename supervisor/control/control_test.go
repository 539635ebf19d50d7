package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

const patience = 10 * time.Second

// TestMain lets the test binary be the children as well.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[0] == "ocis" && os.Args[2] == "server" {
		plugins.Serve(plugins.Service{Declaration: plugins.Declaration{Name: os.Args[1]}, Run: beChild})
		return
	}
	os.Exit(m.Run())
}

// beChild is a service that does nothing well.
func beChild(ctx context.Context, child *plugins.Child) error {
	child.Log().Info("here I am")
	child.Ready()
	<-ctx.Done()
	return nil
}

// site is a runtime under test with its API.
type site struct {
	*client.Client
	supervisor *supervisor.Supervisor
	socket     string
	server     *Server
}

// start runs a runtime with these services until the end of the test.
func start(t testing.TB, executable string, services ...plugins.Declaration) *site {
	t.Helper()
	base, err := os.MkdirTemp("", "ocis") // shorter than t.TempDir, for the sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	log := logrus.New()
	log.SetOutput(t.Output())
	paths := config.Paths{Base: base, Run: filepath.Join(base, "run")}
	programs := map[string]program.Program{}
	for _, service := range services {
		programs[service.Name] = program.Builtin(executable, service.Name)
	}
	sup, err := supervisor.New(supervisor.Options{
		Paths: paths, Executable: executable, Log: log, Node: "here",
		Environ:      append(os.Environ(), "GORACE=atexit_sleep_ms=0"), // or each child's exit takes a second under -race
		Declarations: services, Programs: programs,
		Settings: supervisor.Settings{
			HealthInterval: time.Second, HealthTimeout: patience, BackoffFirst: time.Hour, BackoffCap: time.Hour,
			BackoffStable: time.Hour, StopBound: patience, LogBytes: 1 << 20, LogFiles: 1,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Client: client.New(paths.Run), supervisor: sup, socket: filepath.Join(paths.Run, client.SocketName)}
	sources := metrics.Sources{Instances: sup.List, Queues: sup.Queues, Version: "test"}
	collector := metrics.NewCollector(metrics.NewRecorder(), sources, logrus.NewEntry(log))
	ctx, cancel := context.WithCancel(context.Background())
	opened, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- sup.Serve(ctx, func() (func(), error) {
			var err error
			if s.server, err = Listen(s.socket, sup, collector, log); err != nil {
				return nil, err
			}
			close(opened)
			return func() {
				if err := s.server.Close(); err != nil {
					t.Errorf("close the API: %v", err)
				}
			}, nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the runtime ended: %v", err)
			}
		case <-time.After(2 * patience):
			t.Fatal("the runtime does not end")
		}
		if _, err := os.Stat(s.socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	})
	select {
	case <-opened:
	case err := <-ended:
		ended <- err
		t.Fatalf("the runtime did not start: %v", err)
	}
	return s
}

// startFamily runs two services, frontend needing web, and waits until both are ready.
func startFamily(t testing.TB) *site {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, executable,
		plugins.Declaration{Name: "web", Summary: "a page", StopGrace: patience},
		plugins.Declaration{Name: "frontend", Needs: []string{"web"}, StopGrace: patience},
	)
	select {
	case <-s.supervisor.Ready():
	case <-time.After(patience):
		t.Fatalf("not ready: %+v", s.supervisor.List())
	}
	return s
}

// plain is an HTTP client of the socket that knows nothing of the API.
func (s *site) plain(t testing.TB) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}
