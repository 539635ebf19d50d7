package microservice

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"
	"go-micro.dev/v4/server"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// The test binary is a service in the foreground: of which kind, and on which socket.
const (
	envKind   = "MICROSERVICE_TEST_KIND"
	envSocket = "MICROSERVICE_TEST_SOCKET"
	envSick   = "MICROSERVICE_TEST_SICK"
	envKey    = "MICROSERVICE_TEST_KEY"
)

func TestMain(m *testing.M) {
	kind := os.Getenv(envKind)
	if kind == "" {
		os.Exit(m.Run())
	}
	plugins.Serve(plugins.Service{
		Declaration: plugins.Declaration{
			Name: kind, Version: "1.0.0", StopGrace: patience,
			Sockets: []plugins.Socket{{Network: "unix", Address: os.Getenv(envSocket)}},
		},
		Run: func(ctx context.Context, child *plugins.Child) error {
			switch kind {
			case "http":
				verifier, err := token.Settings{VerifyingKey: os.Getenv(envKey)}.Verifier()
				if err != nil {
					return err
				}
				return ServeHTTP(ctx, child, "", WithHealth(child, verifier, http.HandlerFunc(answer)))
			case "tls":
				return ServeHTTP(ctx, child, "", http.HandlerFunc(echo), selfSigned)
			case "echo":
				return ServeHTTP(ctx, child, "", http.HandlerFunc(echo))
			}
			return ServeGRPC(ctx, child, "", func(srv server.Server) error {
				return srv.Handle(srv.NewHandler(&Slow{}))
			})
		},
		Health: func(context.Context) error {
			if os.Getenv(envSick) != "" {
				return errors.New("not well")
			}
			return nil
		},
	})
}

// answer says on stdout that a request is here, and answers when it is told to.
func answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == HealthPath {
		http.NotFound(w, r)
		return
	}
	fmt.Println("asked")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Fprint(w, "whole answer")
}

const patience = 30 * time.Second

// service is a running process.
type service struct {
	*exec.Cmd
	t      *testing.T
	socket string
	lines  *bufio.Scanner
	tell   io.Writer
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "micro") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s.sock")
}

func start(t *testing.T, kind, socket string, environ ...string) service {
	t.Helper()
	pair, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	s := service{Cmd: exec.Command(os.Args[0]), t: t, socket: socket}
	s.Env = append(append(os.Environ(), envKind+"="+kind, envSocket+"="+socket, envKey+"="+pair.VerifyingKey, "GORACE=atexit_sleep_ms=0"), environ...)
	stdout, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.lines, s.tell = bufio.NewScanner(stdout), stdin
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Process.Kill(); _ = s.Wait() })
	return s
}

func (s service) end(signal syscall.Signal) int {
	s.t.Helper()
	if err := s.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	return s.exitCode()
}

func (s service) exitCode() int {
	s.t.Helper()
	var exit *exec.ExitError
	if err := s.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return s.ProcessState.ExitCode()
}

// healthOf asks a gRPC service through a client that finds it in a directory.
func healthOf(t *testing.T, c client.Client, socket string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return CheckHealth(ctx, c, "grpc", "unix:"+socket)
}

func TestACallWaitsForAServiceThatIsBeingStarted(t *testing.T) {
	socket := socketPath(t)
	c := NewClient(registry.NewDirectory())
	answered := make(chan error, 1)
	go func() { answered <- healthOf(t, c, socket) }()
	start(t, "grpc", socket)
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestAClientFindsTheReplacementOfAKilledService(t *testing.T) {
	socket := socketPath(t)
	c := NewClient(registry.NewDirectory())
	for range 3 {
		s := start(t, "grpc", socket)
		err := healthOf(t, c, socket)
		if FailureOf(err) == WentAway { // the call left on the connection to the dead one, whose end nobody had noticed yet
			err = healthOf(t, c, socket)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.end(syscall.SIGKILL)
	}
}

func TestACommandFailsAtOnceWhenNobodyListens(t *testing.T) {
	c := NewClient(registry.NewDirectory(), FailFast())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := CheckHealth(ctx, c, "grpc", "unix:"+socketPath(t)); err == nil || ctx.Err() != nil {
		t.Errorf("got %v, context %v", err, ctx.Err())
	}
}

func TestAFailedCallSaysWhetherToAskAgain(t *testing.T) {
	socket := socketPath(t)
	start(t, "grpc", socket)
	there, nowhere := "unix:"+socket, "unix:"+socketPath(t)
	waits := NewClient(registry.NewDirectory())
	if err := healthOf(t, waits, socket); err != nil {
		t.Fatal(err)
	}
	huge := &healthpb.HealthCheckRequest{Service: strings.Repeat("x", maxMessageBytes)}
	for name, test := range map[string]struct {
		client   client.Client
		address  string
		request  *healthpb.HealthCheckRequest
		endpoint string
		given    time.Duration
		want     Failure
	}{
		"nobody listens":        {NewClient(registry.NewDirectory(), FailFast()), nowhere, nil, healthEndpoint, patience, WentAway},
		"nobody came in time":   {waits, nowhere, nil, healthEndpoint, 100 * time.Millisecond, Late},
		"too large a message":   {waits, there, huge, healthEndpoint, patience, Unable},
		"no such call":          {waits, there, nil, "Health.Ask", patience, Unable},
		"it is not a good call": {waits, there, nil, "Health", patience, Unable},
	} {
		for _, kind := range []string{"call", "stream"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.given)
				defer cancel()
				if got, err := fail(ctx, test.client, kind, test.address, test.endpoint, test.request); got != test.want {
					t.Errorf("it is taken for %d: %v", got, err)
				}
			})
		}
	}
	stopped := registry.NewDirectory()
	stopped.Apply(registry.Document{Writer: "alpha", Stopped: []string{"grpc"}})
	for _, kind := range []string{"call", "stream"} {
		if got, err := fail(t.Context(), NewClient(stopped), kind, "", healthEndpoint, nil); got != Stopped {
			t.Errorf("a %s of a service that was stopped is taken for %d: %v", kind, got, err)
		}
	}
	if got := FailureOf(microerrors.New("users", "no", http.StatusForbidden)); got != Refused {
		t.Errorf("an answer is taken for %d", got)
	}
}

// fail makes a call that fails, in one of two ways.
func fail(ctx context.Context, c client.Client, kind, address, endpoint string, body *healthpb.HealthCheckRequest) (Failure, error) {
	if body == nil {
		body = &healthpb.HealthCheckRequest{}
	}
	request := c.NewRequest("grpc", endpoint, body)
	if kind == "call" {
		err := c.Call(ctx, request, &healthpb.HealthCheckResponse{}, at(address)...)
		return FailureOf(err), err
	}
	stream, err := c.Stream(ctx, request, at(address)...)
	if err != nil {
		return FailureOf(err), err
	}
	defer stream.Close()
	if err := stream.Send(body); err != nil && err != io.EOF {
		return FailureOf(err), err
	}
	err = stream.Recv(&healthpb.HealthCheckResponse{})
	return FailureOf(err), err
}

func TestAGRPCServiceTellsItsOwnHealth(t *testing.T) {
	socket := socketPath(t)
	start(t, "grpc", socket, envSick+"=1")
	if err := healthOf(t, NewClient(registry.NewDirectory()), socket); err == nil || !strings.Contains(err.Error(), "not well") {
		t.Errorf("got %v", err)
	}
}

func TestAGRPCServiceDrains(t *testing.T) {
	socket := socketPath(t)
	s := start(t, "grpc", socket)
	if err := healthOf(t, NewClient(registry.NewDirectory()), socket); err != nil {
		t.Fatal(err)
	}
	if code := s.end(syscall.SIGTERM); code != plugins.ExitDrained {
		t.Errorf("it ended with code %d", code)
	}
}

// keys are those of all services of this test.
var keys = sync.OnceValues(token.NewKeys)

// signed returns a token on behalf of a name, or none for nobody's.
func signed(t *testing.T, name string) string {
	t.Helper()
	if name == "" {
		return ""
	}
	pair, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := pair.Signer()
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.Sign(token.Claims{Service: name})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// browser talks HTTP over a unix socket; it waits until somebody listens there.
func browser(t *testing.T, socket string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		for {
			conn, err := net.Dial("unix", socket)
			if err == nil || ctx.Err() != nil {
				return conn, err
			}
		}
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func get(c *http.Client, path, signed string) (int, string, error) {
	request, err := http.NewRequest(http.MethodGet, "http://service"+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set(token.Header, signed)
	response, err := c.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestAnHTTPServiceTellsItsOwnHealthToWhoMayAsk(t *testing.T) {
	for sick, want := range map[string]int{"": http.StatusOK, "1": http.StatusServiceUnavailable} {
		socket := socketPath(t)
		start(t, "http", socket, envSick+"="+sick)
		for name, status := range map[string]int{"": http.StatusNotFound, "proxy": http.StatusNotFound, token.Nobody: http.StatusNotFound, token.Health: want} {
			if got, body, err := get(browser(t, socket), HealthPath, signed(t, name)); err != nil || got != status {
				t.Errorf("sick %q, asked by %q: %d %s %v", sick, name, got, body, err)
			}
		}
	}
}

func TestAnHTTPServiceFinishesWhatItHasBeforeItEnds(t *testing.T) {
	s := start(t, "http", socketPath(t))
	type reply struct {
		body string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		_, body, err := get(browser(t, s.socket), "/", "")
		replies <- reply{body, err}
	}()
	if !s.lines.Scan() || s.lines.Text() != "asked" {
		t.Fatalf("it says %q", s.lines.Text())
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// It drains once it takes no connections any more.
	for expired := time.Now().Add(patience); ; {
		conn, err := net.Dial("unix", s.socket)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(expired) {
			t.Fatal("it does not stop accepting")
		}
	}
	if _, err := fmt.Fprintln(s.tell, "go on"); err != nil {
		t.Fatal(err)
	}
	if got := <-replies; got.err != nil || got.body != "whole answer" {
		t.Errorf("%q %v", got.body, got.err)
	}
	if code := s.exitCode(); code != plugins.ExitDrained {
		t.Errorf("it ended with code %d", code)
	}
}

// at are the options of a call to an address; none: the registry knows it.
func at(address string) []client.CallOption {
	if address == "" {
		return nil
	}
	return []client.CallOption{client.WithAddress(address)}
}
