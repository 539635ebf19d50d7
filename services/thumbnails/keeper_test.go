package thumbnails

import (
	"context"
	"crypto/sha1"
	"errors"
	"image"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
	"github.com/owncloud/ocis-runtime/services/thumbnails/internal/picture"
)

const (
	serveVariable = "THUMBNAILS_TEST_SERVE"
	gateVariable  = "THUMBNAILS_TEST_GATE" // a socket
)

// Widths of pictures that the decoder of these tests is struck by.
const (
	widthKills  = 661 // ends the process at once
	widthHangs  = 662 // never comes to an end
	widthSwells = 663 // takes more and more memory
	widthWaits  = 664 // comes to an end when the test says so
)

// TestMain lets the test binary be the service.
func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		src, err := config.Open()
		var s plugins.Service
		if err == nil {
			s, err = newService(src, vulnerable)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		plugins.Serve(s)
	}
	os.Exit(m.Run())
}

// vulnerable is a decoder that some pictures can do things to.
func vulnerable(h picture.Header, source picture.Source) (image.Image, error) {
	switch h.Width {
	case widthKills:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case widthHangs:
		select {}
	case widthSwells:
		for kept := [][]byte{}; ; {
			kept = append(kept, make([]byte, 1<<20))
			kept[len(kept)-1][0] = 1
		}
	case widthWaits:
		conn, err := net.Dial("unix", os.Getenv(gateVariable))
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		_, _ = io.Copy(io.Discard, conn)
	}
	return picture.Decode(h, source)
}

const patience = 30 * time.Second

// keeper holds the service's socket and replaces a process that ends, as a supervisor does.
type keeper struct {
	t      *testing.T
	src    *config.Source
	socket *os.File
	signer *token.Signer
	*thumbnailsapi.Client
	starts  atomic.Int32
	keeping sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	running map[*plugin.Client]*exec.Cmd
	remote  *plugins.Remote // of the process that was started last
}

// keep starts so many processes.
func keep(t *testing.T, processes int) *keeper {
	t.Helper()
	base, err := os.MkdirTemp("", "thumbs") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	keys, err := token.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"OCIS_BASE_DATA_PATH": base, "OCIS_CONFIG_DIR": "", "OCIS_RUN_DIR": "", "OCIS_PLUGINS_DIR": "",
		"OCIS_TOKEN_SIGNING_KEY": keys.SigningKey, "OCIS_TOKEN_VERIFYING_KEY": keys.VerifyingKey,
		gateVariable: filepath.Join(base, "gate"),
	} {
		t.Setenv(name, value)
	}
	k := &keeper{t: t, running: map[*plugin.Client]*exec.Cmd{}}
	if k.src, err = config.Open(); err == nil {
		err = k.src.Paths.MakeDirs()
	}
	if err != nil {
		t.Fatal(err)
	}
	if k.signer, err = token.NewSigner(k.src); err != nil {
		t.Fatal(err)
	}
	k.bind()
	for range processes {
		k.mustStart()
	}
	t.Cleanup(k.end)
	return k
}

// bind holds the socket, and makes a client that finds it.
func (k *keeper) bind() {
	k.t.Helper()
	s, err := New(k.src)
	if err != nil {
		k.t.Fatal(err)
	}
	listener, err := plugins.Bind(s.Sockets[0])
	if err != nil {
		k.t.Fatal(err)
	}
	defer listener.Close()
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if k.socket, err = listener.(*net.UnixListener).File(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { k.socket.Close() })
	directory := registry.NewDirectory()
	directory.Apply(registry.Document{Writer: "test", Nodes: []plugins.Registration{{Service: Name, NodeID: "thumbnails-1", Address: "unix:" + s.Sockets[0].Address}}})
	k.Client = thumbnailsapi.NewClient(directory)
	k.t.Cleanup(k.Client.Close)
}

// mustStart starts a process that is kept, and returns when it is ready.
func (k *keeper) mustStart() {
	k.t.Helper()
	life, err := k.start()
	if err != nil {
		k.t.Fatal(err)
	}
	k.keeping.Go(func() { k.watch(life) })
}

// watch replaces a process each time that it ends, until the keeper does.
func (k *keeper) watch(life *os.File) {
	for life != nil {
		_, _ = life.Read(make([]byte, 1)) // until the process ends
		life.Close()
		next, err := k.start()
		if err != nil && next == nil && !errors.Is(err, errEnded) {
			k.t.Error(err)
		}
		life = next // with an error the process may have ended already, of what waited for it
	}
}

var errEnded = errors.New("the test is over")

// start runs a process, and waits until it is ready. What it returns is readable when the
// process has ended; it is nil when there is none.
func (k *keeper) start() (life *os.File, err error) {
	life, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer end.Close()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), serveVariable+"=1", "GORACE=atexit_sleep_ms=0")
	process.Env = append(process.Env, plugins.Launch{Instance: "thumbnails-1", SocketNames: []string{""}}.Environ()...)
	process.ExtraFiles = []*os.File{k.socket, end}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugins.Handshake,
		Plugins:         plugin.PluginSet{plugins.DispenseName: &plugins.Binding{}},
		Cmd:             process, SkipHostEnv: true, Logger: hclog.NewNullLogger(), Stderr: os.Stderr,
	})
	protocol, err := k.launch(client, process)
	if err != nil {
		life.Close()
		return nil, err
	}
	dispensed, err := protocol.Dispense(plugins.DispenseName)
	if err != nil {
		return life, err
	}
	remote := dispensed.(*plugins.Remote)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = remote.WaitReady(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remote = remote
	return life, err
}

// launch starts a process unless the test is over.
func (k *keeper) launch(client *plugin.Client, process *exec.Cmd) (plugin.ClientProtocol, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return nil, errEnded
	}
	k.running[client] = process
	k.starts.Add(1)
	return client.Client() // which waits for the handshake
}

// kill ends the processes that run; they are replaced.
func (k *keeper) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for client, process := range k.running {
		_ = process.Process.Kill() // it may have ended
		client.Kill()
		delete(k.running, client)
	}
}

func (k *keeper) end() {
	k.mu.Lock()
	k.stopped = true
	k.mu.Unlock()
	k.kill()
	k.keeping.Wait()
}

// drain asks the process that was started last to end.
func (k *keeper) drain() {
	k.t.Helper()
	k.mu.Lock()
	remote := k.remote
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	_ = remote.Shutdown(ctx, patience) // the answer may be lost with the process
}

// as signs a token.
func (k *keeper) as(user string) string {
	k.t.Helper()
	signed, err := k.signer.Sign(token.Claims{Subject: user, Service: "proxy"})
	if err != nil {
		k.t.Fatal(err)
	}
	return signed
}

var small = thumbnailsapi.Mode{Width: 32, Height: 32}

func keyOf(file []byte) thumbnailsapi.Key {
	sum := sha1.Sum(file)
	key, _ := thumbnailsapi.KeyOf(sum[:])
	return key
}

// cached asks for a preview that is there.
func (k *keeper) cached(file []byte) (thumbnailsapi.Preview, int) {
	k.t.Helper()
	preview, err := k.Cached(k.t.Context(), k.as("alice"), keyOf(file), small)
	return preview, k.status(err)
}

// made asks for a preview with the content.
func (k *keeper) made(file []byte) (thumbnailsapi.Preview, int) {
	k.t.Helper()
	preview, err := k.Make(k.t.Context(), k.as("alice"), keyOf(file), small, newReader(file), int64(len(file)))
	return preview, k.status(err)
}

// status is the answer's, 0 when there was none.
func (k *keeper) status(err error) int {
	k.t.Helper()
	var refusal *thumbnailsapi.Refusal
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &refusal):
		return refusal.Status
	}
	k.t.Error(err)
	return 0
}

// mustLeaveNothing fails when a picture or a marker was left behind.
func (k *keeper) mustLeaveNothing() {
	k.t.Helper()
	for _, folder := range []string{"trials", "incoming"} {
		if left, err := os.ReadDir(filepath.Join(k.src.Paths.Data(Name), folder)); err != nil || len(left) != 0 {
			k.t.Errorf("in %s there are %v, %v", folder, left, err)
		}
	}
}
