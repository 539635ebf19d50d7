package ocistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// Patience bounds every wait.
const Patience = time.Minute

// Password is admin's in every test.
const Password = "correct-horse-battery-staple"

// Site is a data folder and an address, on which servers can be started one after the other.
type Site struct {
	t       *testing.T
	Base    string   // OCIS_BASE_DATA_PATH; its name is short enough for sockets
	Address string   // of the proxy
	Environ []string // of every process that is started

	groups []string // control groups of runtimes that were ready
}

// NewSite makes a fresh folder and finds a free port. What is set in environ wins.
func NewSite(t *testing.T, environ ...string) *Site {
	t.Helper()
	base, err := os.MkdirTemp("", "ocis")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s := &Site{t: t, Base: base, Address: listener.Addr().String()}
	s.Environ = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + base, "TMPDIR=" + os.TempDir(),
		"OCIS_BASE_DATA_PATH=" + base, "PROXY_HTTP_ADDR=" + s.Address, "IDM_ADMIN_PASSWORD=" + Password,
		"GORACE=atexit_sleep_ms=0",                  // or each exit takes a second
		"OCIS_ISOLATE=" + os.Getenv("OCIS_ISOLATE"), // so that the same tests can run with sandboxes
	}, environ...)
	t.Cleanup(func() {
		s.nothingIsLeft()
		os.RemoveAll(base)
	})
	return s
}

// URL returns the address of a path for clients.
func (s *Site) URL(path string) string { return "https://" + s.Address + path }

// RunDir is where sockets and run state are.
func (s *Site) RunDir() string { return filepath.Join(s.Base, "run") }

// Runtime returns a client of the control API.
func (s *Site) Runtime() *client.Client { return client.New(s.RunDir()) }

// Command returns the real binary with arguments, in the site's environment.
func (s *Site) Command(args ...string) *exec.Cmd {
	s.t.Helper()
	command := exec.Command(Binary(s.t), args...)
	command.Env = s.Environ
	return command
}

// Ocis runs a command to its end and returns what it printed and its exit code.
func (s *Site) Ocis(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	return s.OcisWith("", args...)
}

// OcisWith is Ocis with something on standard input.
func (s *Site) OcisWith(input string, args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	command := s.Command(args...)
	command.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { command.Process.Kill() })
	defer stop()
	_ = command.Wait() // the exit code says it
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// Server is a running `ocis server`.
type Server struct {
	*Site
	command *exec.Cmd
	notify  *net.UnixConn
	output  lockedBuffer
	ended   chan struct{}
}

// lockedBuffer takes the output of a process while a test may read it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// Launch starts a server and does not wait for it.
func (s *Site) Launch(args ...string) *Server {
	s.t.Helper()
	return s.LaunchWith(func(*exec.Cmd) {}, args...)
}

// LaunchWith is Launch with a last word on the command, such as where its output goes;
// Output is empty then.
func (s *Site) LaunchWith(change func(*exec.Cmd), args ...string) *Server {
	s.t.Helper()
	path := filepath.Join(s.Base, fmt.Sprintf("notify-%d", time.Now().UnixNano()))
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		s.t.Fatal(err)
	}
	server := &Server{Site: s, notify: notify, ended: make(chan struct{})}
	server.command = s.Command(append([]string{"server"}, args...)...)
	server.command.Env = append(server.command.Env, "NOTIFY_SOCKET="+path)
	server.command.Stdout, server.command.Stderr = &server.output, &server.output
	server.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	change(server.command)
	if err := server.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = server.command.Wait() // the state says it
		close(server.ended)
	}()
	s.t.Cleanup(func() {
		if server.runs() {
			if code := server.Stop(); code != 0 {
				s.t.Errorf("the server ended with code %d:\n%s", code, server.Output())
			}
		}
		notify.Close()
		os.Remove(path)
		if found := alarm.FindString(server.Output()); found != "" {
			s.t.Errorf("the server said %q:\n%s", found, server.Output())
		}
	})
	return server
}

// Start launches a server and waits until every service is ready.
func (s *Site) Start(args ...string) *Server {
	s.t.Helper()
	server := s.Launch(args...)
	server.AwaitReady()
	return server
}

// Start makes a site and a server on it.
func Start(t *testing.T, environ ...string) *Server {
	t.Helper()
	return NewSite(t, environ...).Start()
}

// AwaitReady waits for READY=1, as systemd does.
func (s *Server) AwaitReady() {
	s.t.Helper()
	ready := make(chan error, 1)
	go func() {
		message := make([]byte, 4096)
		for {
			n, err := s.notify.Read(message)
			if err != nil || strings.Contains(string(message[:n]), "READY=1") {
				ready <- err
				return
			}
		}
	}()
	select {
	case err := <-ready:
		if err != nil {
			s.t.Fatal(err)
		}
		s.groups = append(s.groups, s.groupsNow()...)
	case <-s.ended:
		s.t.Fatalf("the server ended:\n%s", s.Output())
	case <-time.After(Patience):
		s.t.Fatalf("the server is not ready:\n%s", s.Output())
	}
}

// Output returns what the server printed so far.
func (s *Server) Output() string { return s.output.String() }

// Pid is the supervisor's.
func (s *Server) Pid() int { return s.command.Process.Pid }

// Signal sends a signal to the supervisor.
func (s *Server) Signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatal(err)
	}
}

// Wait waits for the supervisor's end and returns its exit code.
func (s *Server) Wait() int {
	s.t.Helper()
	select {
	case <-s.ended:
		return s.command.ProcessState.ExitCode()
	case <-time.After(Patience):
		_ = s.command.Process.Kill()
		s.t.Fatalf("the server does not end:\n%s", s.Output())
		return -1
	}
}

// Stop ends the server in order, if it runs, and returns its exit code.
func (s *Server) Stop() int {
	s.t.Helper()
	if s.runs() {
		s.Signal(syscall.SIGTERM)
	}
	return s.Wait()
}

func (s *Server) runs() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Ended is closed when the supervisor has ended.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// AwaitRuntime waits until the control API answers, whatever the services do.
func (s *Server) AwaitRuntime() {
	s.t.Helper()
	s.awaitInRunDir("the control API answers", func() bool {
		_, err := s.Runtime().List(s.t.Context())
		return err == nil
	})
}

// AwaitLock waits until the server has made its lock: nothing runs yet, and it listens for
// signals.
func (s *Server) AwaitLock() {
	s.t.Helper()
	s.awaitInRunDir("there is a lock", func() bool {
		_, err := os.Stat(filepath.Join(s.RunDir(), "runtime.lock"))
		return err == nil
	})
}

// awaitInRunDir is AwaitInRunDir for as long as the server runs.
func (s *Server) awaitInRunDir(what string, condition func() bool) {
	s.t.Helper()
	if problem := s.watchRunDir(s.ended, condition); problem != "" {
		s.t.Fatalf("never: %s: %s\n%s", what, problem, s.Output())
	}
}

// AwaitInRunDir looks at a condition whenever something happens in the run directory.
func (s *Site) AwaitInRunDir(what string, condition func() bool) {
	s.t.Helper()
	if problem := s.watchRunDir(nil, condition); problem != "" {
		s.t.Fatalf("never: %s: %s", what, problem)
	}
}

// watchRunDir returns when a condition holds, or why it did not come to that.
func (s *Site) watchRunDir(ended <-chan struct{}, condition func() bool) (problem string) {
	s.t.Helper()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		s.t.Fatal(err)
	}
	defer watcher.Close()
	if err := errors.Join(os.MkdirAll(s.RunDir(), 0o700), watcher.Add(s.RunDir())); err != nil {
		s.t.Fatal(err)
	}
	timeout := time.After(Patience)
	for !condition() {
		select {
		case <-watcher.Events:
		case <-ended:
			return "the server ended"
		case <-timeout:
			return "it takes too long"
		}
	}
	return ""
}
