package microservice

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"go-micro.dev/v4/client"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/registry"
)

// echo answers with what it was sent.
func echo(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }

func selfSigned(s *http.Server) {
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	s.TLSConfig = &tls.Config{Certificates: other.TLS.Certificates}
}

// Slow is a handler whose calls take as long as a test wants.
type Slow struct{}

// Wait tells the test that it has begun, over the socket that the request names, and
// returns when the test hangs up.
func (*Slow) Wait(_ context.Context, request *healthpb.HealthCheckRequest, _ *healthpb.HealthCheckResponse) error {
	conn, err := net.Dial("unix", request.Service)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(io.Discard, conn)
	return err
}

// held is a socket as a supervisor holds it.
type held struct {
	t    *testing.T
	addr net.Addr
	file *os.File
}

func hold(t *testing.T, network, address string) *held {
	t.Helper()
	listener, err := plugins.Bind(plugins.Socket{Network: network, Address: address})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &held{t: t, addr: listener.Addr(), file: file}
}

func (h *held) dial() (net.Conn, error) {
	conn, err := net.Dial(h.addr.Network(), h.addr.String())
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	return conn, err
}

// child is a process that serves a held socket.
type child struct {
	t       *testing.T
	remote  *plugins.Remote
	nodes   []plugins.Registration
	command *exec.Cmd
	client  *plugin.Client
	life    *os.File // ends with the process
}

// launch starts a process and returns when it is ready.
func (h *held) launch(kind, incarnation string) *child {
	h.t.Helper()
	life, end, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer end.Close()
	c := &child{t: h.t, command: exec.Command(os.Args[0]), life: life}
	c.command.ExtraFiles = []*os.File{h.file, end}
	launch := plugins.Launch{Instance: kind + "-1", Incarnation: incarnation, SocketNames: []string{""}}
	c.command.Env = append(append(os.Environ(), envKind+"="+kind, "GORACE=atexit_sleep_ms=0"), launch.Environ()...)
	c.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugins.Handshake, Plugins: plugin.PluginSet{plugins.DispenseName: &plugins.Binding{}},
		Cmd: c.command, SkipHostEnv: true, Logger: hclog.NewNullLogger(), Stderr: os.Stderr,
	})
	h.t.Cleanup(func() { c.client.Kill(); life.Close() })
	protocol, err := c.client.Client()
	if err != nil {
		h.t.Fatal(err)
	}
	dispensed, err := protocol.Dispense(plugins.DispenseName)
	if err != nil {
		h.t.Fatal(err)
	}
	c.remote = dispensed.(*plugins.Remote)
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	if c.nodes, err = c.remote.WaitReady(ctx); err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (c *child) drain() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_ = c.remote.Shutdown(ctx, patience) // the answer may be lost with the process
}

// mustDrain waits for the end of the process.
func (c *child) mustDrain() {
	c.t.Helper()
	_ = c.life.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.life.Read(make([]byte, 1)); err != io.EOF {
		c.t.Fatalf("it does not end: %v", err)
	}
	c.client.Kill() // waits for what go-plugin knows of the process
	if code := c.command.ProcessState.ExitCode(); code != plugins.ExitDrained {
		c.t.Fatalf("it ended with code %d", code)
	}
}

// asker makes requests that must not be made twice, until it is stopped. It never looks
// whether the other end has closed a connection, as it leaves it no time to.
func (h *held) asker(fresh bool, stop <-chan struct{}) (err error) {
	var conn net.Conn
	var reader *bufio.Reader
	for n := 0; ; n++ {
		select {
		case <-stop:
			if conn != nil {
				conn.Close()
			}
			return nil
		default:
		}
		if conn == nil {
			if conn, err = h.dial(); err != nil {
				return err
			}
			reader = bufio.NewReader(conn)
		}
		again, err := post(conn, reader, fmt.Sprint("this is number ", n))
		if err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		if fresh || !again {
			conn.Close()
			conn = nil
		}
	}
}

// post tells whether the connection may be used again.
func post(conn net.Conn, reader *bufio.Reader, content string) (again bool, err error) {
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(content), content); err != nil {
		return false, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && string(answer) != content {
		err = fmt.Errorf("got %s %q", response.Status, answer)
	}
	return !response.Close, err
}

func TestNoRequestIsLostWhenProcessesTakeTurnsOnASocket(t *testing.T) {
	for network, address := range map[string]string{"unix": socketPath(t), "tcp": "127.0.0.1:0"} {
		t.Run(network, func(t *testing.T) {
			h := hold(t, network, address)
			current := h.launch("echo", "0")
			stop := make(chan struct{})
			var askers sync.WaitGroup
			for _, fresh := range []bool{false, true, false, true} {
				askers.Go(func() {
					if err := h.asker(fresh, stop); err != nil {
						t.Errorf("new connections %v: %v", fresh, err)
					}
				})
			}
			for n := range 8 {
				next := h.launch("echo", fmt.Sprint(n+1))
				current.drain()
				current.mustDrain()
				current = next
			}
			close(stop)
			askers.Wait()
		})
	}
}

func TestAConnectionThatNobodyUsesDoesNotHoldUpDraining(t *testing.T) {
	h := hold(t, "unix", socketPath(t))
	c := h.launch("echo", "0")
	conn, err := h.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if again, err := post(conn, bufio.NewReader(conn), "hello"); err != nil || !again {
		t.Fatal(again, err)
	}
	began := time.Now()
	c.drain()
	c.mustDrain()
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection ended with %v", err)
	}
}

func TestAnHTTP2ClientIsToldToLeaveAndHasTimeTo(t *testing.T) {
	const settings, ping, goAway, ack = 4, 6, 7, 1
	h := hold(t, "tcp", "127.0.0.1:0")
	c := h.launch("tls", "0")
	plain, err := h.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	emptySettings := []byte{0, 0, 0, settings, 0, 0, 0, 0, 0}
	if _, err := conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), emptySettings...)); err != nil {
		t.Fatal(err)
	}
	// next returns a frame's type, its flags, and what is in it (RFC 9113 section 4.1).
	next := func() (kind, flags byte, payload []byte, err error) {
		var header [9]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return 0, 0, nil, err
		}
		payload = make([]byte, int(header[0])<<16|int(header[1])<<8|int(header[2]))
		_, err = io.ReadFull(conn, payload)
		return header[3], header[4], payload, err
	}
	for drained := false; ; {
		kind, flags, payload, err := next()
		switch {
		case err != nil:
			t.Fatalf("closed without a word: %v", err)
		case kind == settings && flags&ack != 0 && !drained:
			c.drain() // the connection is served, and idle
			drained = true
		case kind == goAway:
			if problem := binary.BigEndian.Uint32(payload[4:8]); problem != 0 || !drained {
				t.Errorf("told of problem %d, drained: %v", problem, drained)
			}
			// What is on its way in this moment still finds the server.
			if _, err := conn.Write([]byte{0, 0, 8, ping, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
				t.Fatal(err)
			}
		case kind == ping && flags&ack != 0:
			conn.Close()
			c.mustDrain()
			return
		}
	}
}

// wait calls Slow.Wait. The returned connection is the call's: to close it ends the call.
func (h *held) wait(c client.Client) (call net.Conn, result <-chan error) {
	h.t.Helper()
	listener, err := net.Listen("unix", socketPath(h.t))
	if err != nil {
		h.t.Fatal(err)
	}
	defer listener.Close()
	answered := make(chan error, 1)
	go func() {
		request := c.NewRequest("grpc", "Slow.Wait", &healthpb.HealthCheckRequest{Service: listener.Addr().String()})
		answered <- c.Call(h.t.Context(), request, &healthpb.HealthCheckResponse{}, client.WithAddress("unix:"+h.addr.String()))
	}()
	_ = listener.(*net.UnixListener).SetDeadline(time.Now().Add(patience))
	if call, err = listener.Accept(); err != nil {
		h.t.Fatal(err)
	}
	return call, answered
}

func TestACallThatTakesLongIsFinishedAndTheNextOneIsAnsweredByTheReplacement(t *testing.T) {
	h := hold(t, "unix", socketPath(t))
	c := NewClient(registry.NewDirectory())
	old := h.launch("grpc", "0")
	call, answered := h.wait(c)
	old.drain()
	<-time.After(1500 * time.Millisecond) // longer than what go-micro gives calls: a second
	next := make(chan error, 1)
	go func() { next <- healthOf(t, c, h.addr.String()) }()
	call.Close()
	if err := <-answered; err != nil {
		t.Errorf("the long call: %v", err)
	}
	old.mustDrain()
	replacement := h.launch("grpc", "1")
	if err := <-next; err != nil {
		t.Errorf("the call that came while it drained: %v", err)
	}
	replacement.drain()
	replacement.mustDrain()
}

func TestACallInWhichItsProcessDiesIsBrokenOff(t *testing.T) {
	h := hold(t, "unix", socketPath(t))
	c := NewClient(registry.NewDirectory())
	process := h.launch("grpc", "0")
	call, answered := h.wait(c)
	defer call.Close()
	if err := process.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; !BrokeOff(err) || FailureOf(err) != WentAway {
		t.Errorf("%v", err)
	}
	if BrokeOff(Draining()) {
		t.Error("a call that was not begun counts as broken off")
	}
}

func TestNoCallIsLostWhenAProcessFollowsTheOther(t *testing.T) {
	h := hold(t, "unix", socketPath(t))
	c := NewClient(registry.NewDirectory())
	current := h.launch("grpc", "0")
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := healthOf(t, c, h.addr.String()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 6 {
		current.drain()
		current.mustDrain()
		current = h.launch("grpc", fmt.Sprint(n+1))
	}
	close(stop)
	callers.Wait()
}

func TestANodeNamesTheIncarnationThatAnswers(t *testing.T) {
	h := hold(t, "unix", socketPath(t))
	for _, kind := range []string{"echo", "grpc"} {
		c := h.launch(kind, strings.ToUpper(kind))
		if len(c.nodes) != 1 || c.nodes[0].Metadata[registry.Incarnation] != strings.ToUpper(kind) {
			t.Errorf("%s announces %v", kind, c.nodes)
		}
		c.drain()
		c.mustDrain()
	}
}
