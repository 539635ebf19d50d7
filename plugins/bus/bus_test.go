package bus

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

const patience = 30 * time.Second

func source(t *testing.T) *config.Source {
	t.Helper()
	base, err := os.MkdirTemp("", "bus") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	for name, value := range map[string]string{
		"OCIS_BASE_DATA_PATH": base, "OCIS_RUN_DIR": base, "OCIS_CONFIG_DIR": base, "NATS_USER": "ocis", "NATS_PASSWORD": "secret",
	} {
		t.Setenv(name, value)
	}
	src, err := config.Open()
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func listen(t *testing.T, src *config.Source) net.Listener {
	t.Helper()
	path := src.Paths.Socket(ServiceName, "")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// serve is a NATS server behind listener until the returned function ends it.
func serve(t *testing.T, listener net.Listener) (end func()) {
	t.Helper()
	srv, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, Username: "ocis", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	end = func() { srv.Shutdown(); srv.WaitForShutdown() }
	t.Cleanup(end)
	go func() {
		for {
			outside, err := listener.Accept()
			if err != nil {
				return
			}
			inside, err := srv.InProcessConn()
			if err != nil {
				outside.Close()
				return
			}
			go func() { _, _ = io.Copy(outside, inside); outside.Close() }()
			go func() { _, _ = io.Copy(inside, outside); inside.Close() }()
		}
	}()
	return end
}

func connect(t *testing.T, src *config.Source) *nats.Conn {
	t.Helper()
	conn, err := Connect(src, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func awaitConnected(t *testing.T, conn *nats.Conn) {
	t.Helper()
	changes := conn.StatusChanged(nats.CONNECTED)
	expired := time.After(patience)
	for !conn.IsConnected() {
		select {
		case <-changes:
		case <-expired:
			t.Fatalf("not connected: %v", conn.LastError())
		}
	}
}

func TestConnectDoesNotWaitForAServer(t *testing.T) {
	for name, held := range map[string]bool{"nobody listens": false, "the socket is held, and nobody accepts": true} {
		t.Run(name, func(t *testing.T) {
			src := source(t)
			if held {
				listen(t, src)
			}
			began := time.Now()
			conn := connect(t, src)
			if took := time.Since(began); took > dialTimeout/2 {
				t.Errorf("it took %s", took)
			}
			if conn.IsConnected() {
				t.Error("it says that it is connected")
			}
		})
	}
}

func TestWhatWasPublishedBeforeTheServerCameArrives(t *testing.T) {
	src := source(t)
	publisher, subscriber := connect(t, src), connect(t, src)
	heard := make(chan string, 1)
	if _, err := subscriber.Subscribe("news", func(m *nats.Msg) { heard <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	serve(t, listen(t, src))
	awaitConnected(t, subscriber)
	if err := subscriber.FlushTimeout(patience); err != nil { // the subscription is known
		t.Fatal(err)
	}
	if err := publisher.Publish("news", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-heard:
		if got != "hello" {
			t.Errorf("heard %q", got)
		}
	case <-time.After(patience):
		t.Fatal("nothing arrived")
	}
}

func TestAConnectionSurvivesItsServer(t *testing.T) {
	src := source(t)
	first := listen(t, src)
	end := serve(t, first)
	conn := connect(t, src)
	awaitConnected(t, conn)
	heard := make(chan struct{}, 1)
	if _, err := conn.Subscribe("news", func(*nats.Msg) { heard <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	lost := conn.StatusChanged(nats.RECONNECTING)
	first.Close()
	end()
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the end of the server is not noticed")
	}
	serve(t, listen(t, src))
	awaitConnected(t, conn)
	if err := conn.Publish("news", nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(patience):
		t.Fatal("the subscription is lost")
	}
}

func TestProblemsThatNoCallReturnsArePrintedWithPackageLog(t *testing.T) {
	var printed bytes.Buffer
	output := log.Writer()
	defer log.SetOutput(output)
	log.SetOutput(&printed)
	conn, err := Connect(source(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Opts.AsyncErrorCB(conn, nil, errors.New("broken pipe"))
	conn.Opts.AsyncErrorCB(conn, &nats.Subscription{Subject: "a.b"}, nats.ErrSlowConsumer)
	for _, want := range []string{"nats: broken pipe\n", "nats: a.b: nats: slow consumer"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("%q is not in %q", want, printed.String())
		}
	}
}
