package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	grpcclient "github.com/go-micro/plugins/v4/client/grpc"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

const serveVariable = "STORAGE_TEST_SERVE"

// TestMain lets the test binary be the service.
func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		src, err := config.Open()
		var s plugins.Service
		if err == nil {
			s, err = New(src)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		plugins.Serve(s)
	}
	os.Exit(m.Run())
}

// family is a service process with what surrounds it: held sockets, keys, a client.
type family struct {
	t       *testing.T
	src     *config.Source
	files   []*os.File // the held sockets
	signer  *token.Signer
	api     storageapi.StorageService
	content *descriptor.Client
	process *exec.Cmd
	plugin  *plugin.Client
	remote  *plugins.Remote
}

func newFamily(t *testing.T) *family {
	t.Helper()
	base, err := os.MkdirTemp("", "storage")
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
	} {
		t.Setenv(name, value)
	}
	src, err := config.Open()
	if err == nil {
		err = src.Paths.MakeDirs()
	}
	if err != nil {
		t.Fatal(err)
	}
	f := &family{t: t, src: src}
	if f.signer, err = token.NewSigner(src); err != nil {
		t.Fatal(err)
	}
	f.bind()
	c := grpcclient.NewClient(client.Retries(0))
	f.api = storageapi.NewStorageService(Name, c)
	f.content = descriptor.NewClient(src.Paths.Socket(Name, ContentSocket))
	t.Cleanup(f.content.Close)
	t.Cleanup(f.kill)
	f.start()
	return f
}

// bind holds the declared sockets, as a supervisor does.
func (f *family) bind() {
	f.t.Helper()
	s, err := New(f.src)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, socket := range s.Sockets {
		listener, err := plugins.Bind(socket)
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { listener.Close() })
		file, err := listener.(*net.UnixListener).File()
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { file.Close() })
		f.files = append(f.files, file)
	}
}

// start runs the service and returns when it is ready.
func (f *family) start() {
	f.t.Helper()
	f.process = exec.Command(os.Args[0])
	f.process.Env = append(os.Environ(), serveVariable+"=1")
	f.process.Env = append(f.process.Env, plugins.Launch{Instance: "storage-1", SocketNames: []string{"", ContentSocket}}.Environ()...)
	f.process.ExtraFiles = f.files
	f.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugins.Handshake,
		Plugins:         plugin.PluginSet{plugins.DispenseName: &plugins.Binding{}},
		Cmd:             f.process,
		SkipHostEnv:     true,
		Logger:          hclog.NewNullLogger(),
		Stderr:          os.Stderr,
	})
	protocol, err := f.plugin.Client()
	if err != nil {
		f.t.Fatal(err)
	}
	raw, err := protocol.Dispense(plugins.DispenseName)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	f.remote = raw.(*plugins.Remote)
	if _, err := f.remote.WaitReady(ctx); err != nil {
		f.t.Fatal(err)
	}
}

func (f *family) kill() {
	f.process.Process.Kill()
	f.plugin.Kill()
}

// as returns a context with a user's token.
func (f *family) as(user string) context.Context {
	f.t.Helper()
	signed, err := f.signer.Sign(token.Claims{Subject: user, Service: "webdav"})
	if err != nil {
		f.t.Fatal(err)
	}
	return token.Outgoing(f.t.Context(), signed)
}

func (f *family) here() client.CallOption {
	return client.WithAddress("unix:" + f.src.Paths.Socket(Name, ""))
}

func code(err error) int {
	if err == nil {
		return 200
	}
	return int(microerrors.FromError(err).GetCode())
}

func (f *family) put(path, content string) {
	f.t.Helper()
	if _, err := f.api.Put(f.as("alice"), &storageapi.PutRequest{Path: path, Content: []byte(content)}, f.here()); err != nil {
		f.t.Fatal(err)
	}
}

// list returns the children of a folder.
func (f *family) list(path string) (children []*storageapi.Entry, err error) {
	f.t.Helper()
	stream, err := f.api.List(f.as("alice"), &storageapi.ListRequest{Path: path}, f.here())
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return children, nil
		}
		if err != nil {
			return nil, err
		}
		children = append(children, part.GetChildren()...)
	}
}

func (f *family) read(path string) string {
	f.t.Helper()
	opened, err := f.api.Open(f.as("alice"), &storageapi.OpenRequest{Path: path, InlineLimit: 100}, f.here())
	if err != nil {
		f.t.Fatal(err)
	}
	if opened.GetIsInline() {
		return string(opened.GetContent())
	}
	file, err := f.content.Fetch(f.t.Context(), opened.GetTicket())
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(content)
}

func (f *family) begin(path string) (*storageapi.BeginUploadResponse, *descriptor.Loan) {
	f.t.Helper()
	begun, err := f.api.BeginUpload(f.as("alice"), &storageapi.BeginUploadRequest{Path: path, Size: -1}, f.here())
	if err != nil {
		f.t.Fatal(err)
	}
	loan, err := f.content.Borrow(f.t.Context(), begun.GetTicket())
	if err != nil {
		f.t.Fatal(err)
	}
	return begun, loan
}

// download returns the error that a download begins with. A refusal that is faster than
// the request is io.EOF at first, and its reason is lost.
func (f *family) download(ctx context.Context, path string) error {
	f.t.Helper()
	for range 1000 {
		stream, err := f.api.Download(ctx, &storageapi.OpenRequest{Path: path}, f.here())
		if err == nil {
			_, err = stream.Recv()
			return err
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
	f.t.Fatal("a download never gets an answer")
	return nil
}

func (f *family) blobs() (files []string) {
	f.t.Helper()
	err := filepath.WalkDir(filepath.Join(f.src.Paths.Data(Name), "blobs"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		f.t.Error(err)
	}
	return files
}
