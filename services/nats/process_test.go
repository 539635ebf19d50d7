package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
)

// envBeService makes the test binary the service.
const envBeService = "NATS_TEST_BE_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(envBeService) == "" {
		os.Exit(m.Run())
	}
	src, err := config.Open()
	if err == nil {
		var s plugins.Service
		if s, err = New(src); err == nil {
			plugins.Serve(s)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(plugins.ExitCrashed)
}

const patience = 30 * time.Second

// site is a configuration and a data folder.
type site struct {
	t   *testing.T
	src *config.Source
}

func newSite(t *testing.T) site {
	t.Helper()
	base, err := os.MkdirTemp("", "nats") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Mkdir(filepath.Join(base, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"OCIS_BASE_DATA_PATH": base, "OCIS_RUN_DIR": filepath.Join(base, "run"), "OCIS_CONFIG_DIR": base,
		"NATS_USER": "ocis", "NATS_PASSWORD": "secret", "GORACE": "atexit_sleep_ms=0",
	} {
		t.Setenv(name, value)
	}
	src, err := config.Open()
	if err != nil {
		t.Fatal(err)
	}
	return site{t, src}
}

// running is a process of the service.
type running struct {
	*exec.Cmd
	t   *testing.T
	log *strings.Builder
}

func (s site) start() running {
	s.t.Helper()
	r := running{Cmd: exec.Command(os.Args[0]), t: s.t, log: &strings.Builder{}}
	r.Env = append(os.Environ(), envBeService+"=1")
	r.Stderr = r.log
	if err := r.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Process.Kill(); _ = r.Wait() })
	return r
}

// end sends a signal, waits and returns the exit code; -1: the signal ended it.
func (r running) end(signal syscall.Signal) int {
	r.t.Helper()
	if err := r.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := r.Wait(); err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return r.ProcessState.ExitCode()
}

// connect returns when the server has let the client in.
func (s site) connect() *nats.Conn {
	s.t.Helper()
	conn, err := bus.Connect(s.src, "test")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	changes := conn.StatusChanged(nats.CONNECTED)
	expired := time.After(patience)
	for !conn.IsConnected() {
		select {
		case <-changes:
		case <-expired:
			s.t.Fatalf("not connected: %v", conn.LastError())
		}
	}
	return conn
}

func (s site) stream(ctx context.Context, conn *nats.Conn) jetstream.Stream {
	s.t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "events", Subjects: []string{"events.>"}})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "events.first", []byte("content")); err != nil {
		s.t.Fatal(err)
	}
	return stream
}

func TestAcknowledgedEventsSurviveAKill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := newSite(t)
	first := s.start()
	conn := s.connect()
	s.stream(ctx, conn)
	first.end(syscall.SIGKILL)
	s.start()
	js, err := jetstream.New(s.connect())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, "events")
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.GetLastMsgForSubject(ctx, "events.first")
	if err != nil || string(message.Data) != "content" {
		t.Errorf("%v %v", message, err)
	}
}

func TestItDrainsWhenItIsAsked(t *testing.T) {
	s := newSite(t)
	service := s.start()
	s.connect() // stays connected: the server hangs up
	if code := service.end(syscall.SIGTERM); code != plugins.ExitDrained {
		t.Errorf("it ended with code %d:\n%s", code, service.log)
	}
}

// dialer dials a unix socket, whatever it is asked for.
type dialer struct{ socket string }

func (d dialer) Dial(string, string) (net.Conn, error) { return net.Dial("unix", d.socket) }

func TestOnlyTheCredentialsOpenTheDoor(t *testing.T) {
	s := newSite(t)
	s.start()
	s.connect()
	for name, login := range map[string]nats.Option{
		"none":           nats.Name("nobody"),
		"wrong password": nats.UserInfo("ocis", "guess"),
		"wrong user":     nats.UserInfo("root", "secret"),
		"empty":          nats.UserInfo("", ""),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := nats.Connect("nats://127.0.0.1:4222", login, nats.SetCustomDialer(dialer{s.src.Paths.Socket(Name, "")}))
			if err == nil {
				conn.Close()
				t.Fatal("it was let in")
			}
			if !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAStoreThatCannotBeUsedIsSetAside(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := newSite(t)
	store := s.src.Paths.Data(Name)
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store, "jetstream"), []byte("this should be a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	service := s.start()
	s.stream(ctx, s.connect())
	if code := service.end(syscall.SIGTERM); code != plugins.ExitDrained {
		t.Errorf("it ended with code %d", code)
	}
	aside, _ := filepath.Glob(store + ".unusable-*")
	if len(aside) != 1 || !strings.Contains(service.log.String(), aside[0]) {
		t.Errorf("set aside: %v; log:\n%s", aside, service.log)
	}
}
