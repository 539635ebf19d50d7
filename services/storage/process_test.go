package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	grpcclient "github.com/go-micro/plugins/v4/client/grpc"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
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

func TestACallWithoutAValidTokenIsRefused(t *testing.T) {
	f := newFamily(t)
	f.put("/f", "x")
	for name, ctx := range map[string]context.Context{
		"no token": t.Context(), "nonsense": token.Outgoing(t.Context(), "nonsense"), "nobody's": f.as(""),
	} {
		if _, err := f.api.Stat(ctx, &storageapi.StatRequest{Path: "/"}, f.here()); code(err) != 401 {
			t.Errorf("%s: %v", name, err)
		}
		err := f.download(ctx, "/f")
		// go-micro's streams give errors as gRPC has them.
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s, download: %v", name, err)
		}
	}
	if _, err := f.api.Stat(f.as("bob"), &storageapi.StatRequest{Path: "/f"}, f.here()); code(err) != 404 {
		t.Errorf("another user's file: %v", err)
	}
}

func TestContentComesInlineByDescriptorAndByStream(t *testing.T) {
	f := newFamily(t)
	large := strings.Repeat("0123456789", 100_000)
	f.put("/small", "hello")
	begun, loan := f.begin("/large")
	if _, err := loan.File.WriteString(large); err != nil {
		t.Fatal(err)
	}
	written, err := f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: uint64(len(large))}, f.here())
	if err != nil {
		t.Fatal(err)
	}
	loan.Return()
	if !written.GetCreated() || written.GetEntry().GetEtag() == "" {
		t.Errorf("%v", written)
	}
	if f.read("/small") != "hello" || f.read("/large") != large {
		t.Error("content is wrong")
	}
	stream, err := f.api.Download(f.as("alice"), &storageapi.OpenRequest{Path: "/large"}, f.here())
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content.Write(chunk.GetContent())
	}
	if content.String() != large {
		t.Errorf("the download has %d bytes", content.Len())
	}
}

func TestAnUploadByStreamIsCommittedByItsLastMessageAlone(t *testing.T) {
	f := newFamily(t)
	begin := &storageapi.UploadChunk{Begin: &storageapi.BeginUploadRequest{Path: "/f", Size: -1}}
	stream, err := f.api.Upload(f.as("alice"), f.here())
	if err != nil {
		t.Fatal(err)
	}
	for _, chunk := range []*storageapi.UploadChunk{begin, {Content: []byte("one ")}, {Content: []byte("two")}, {Commit: &storageapi.CommitUploadRequest{Size: 7}}} {
		if err := stream.Send(chunk); err != nil {
			t.Fatal(err)
		}
	}
	var written storageapi.WriteResponse
	if err := stream.RecvMsg(&written); err != nil || written.GetEntry().GetSize() != 7 || f.read("/f") != "one two" {
		t.Fatalf("%v, %v", &written, err)
	}
	cut, err := f.api.Upload(f.as("alice"), f.here())
	if err != nil {
		t.Fatal(err)
	}
	cut.Send(begin)
	cut.Send(&storageapi.UploadChunk{Content: []byte("half")})
	cut.Close()
	if f.read("/f") != "one two" {
		t.Error("a cut off upload became visible")
	}
}

func TestAnUploadWhoseWriterGoesAwayLeavesNothing(t *testing.T) {
	f := newFamily(t)
	begun, loan := f.begin("/f")
	loan.File.WriteString("half")
	loan.Abandon()
	// The service learns of it by the connection's end, so both outcomes of an early
	// commit are refusals: the upload is gone, or has another size.
	_, err := f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: 7}, f.here())
	if c := code(err); c != 404 && c != 400 {
		t.Errorf("%v", err)
	}
	if _, err := f.api.Stat(f.as("alice"), &storageapi.StatRequest{Path: "/f"}, f.here()); code(err) != 404 {
		t.Errorf("%v", err)
	}
	if files := f.blobs(); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
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

func TestAKilledServiceComesBackWithWhatItAcknowledged(t *testing.T) {
	f := newFamily(t)
	large := strings.Repeat("x", 100_000)
	f.put("/small", "hello")
	f.put("/large", large)
	begun, loan := f.begin("/half")
	loan.File.WriteString("half")
	f.kill()
	f.start()
	if f.read("/small") != "hello" || f.read("/large") != large {
		t.Error("content is wrong")
	}
	_, err := f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: 4}, f.here())
	if code(err) != 404 {
		t.Errorf("commit of an upload from before: %v", err)
	}
	loan.Abandon()
	if list, err := f.list("/"); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestAListingMayBeLargerThanAnyMessage(t *testing.T) {
	f := newFamily(t)
	property := &storageapi.Property{Namespace: "urn:x", Name: "large", InnerXml: bytes.Repeat([]byte("x"), 64_000)}
	const files = 300 // with more than 16 MiB of properties
	for i := range files {
		path := fmt.Sprintf("/%03d", i)
		f.put(path, "")
		_, err := f.api.SetProperties(f.as("alice"), &storageapi.SetPropertiesRequest{
			Path: path, Changes: []*storageapi.PropertyChange{{Property: property}},
		}, f.here())
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.list("/")
	if err != nil || len(list) != files {
		t.Fatalf("%d children, %v", len(list), err)
	}
	for i, child := range list {
		if child.GetPath() != fmt.Sprintf("/%03d", i) || len(child.GetProperties()) != 1 {
			t.Errorf("child %d is %s with %d properties", i, child.GetPath(), len(child.GetProperties()))
		}
	}
}

func TestAnUploadThatHasBegunSurvivesTheOrderToRestart(t *testing.T) {
	f := newFamily(t)
	begun, loan := f.begin("/f")
	if err := f.remote.Shutdown(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	for { // until draining has begun
		late, err := f.api.BeginUpload(f.as("alice"), &storageapi.BeginUploadRequest{Path: "/late", Size: 1}, f.here())
		if err != nil {
			if refusal := microerrors.FromError(err); refusal.Id != microerrors.FromError(microservice.Draining()).Id {
				t.Fatal(err)
			}
			break
		}
		if _, err := f.api.AbortUpload(f.as("alice"), &storageapi.AbortUploadRequest{UploadId: late.GetUploadId()}, f.here()); err != nil {
			t.Fatal(err)
		}
	}
	f.put("/other", "all else goes on")
	loan.File.WriteString("whole")
	if _, err := f.api.CommitUpload(f.as("alice"), &storageapi.CommitUploadRequest{UploadId: begun.GetUploadId(), Size: 5}, f.here()); err != nil {
		t.Fatal(err)
	}
	loan.Return()
	for expired := time.Now().Add(30 * time.Second); !f.plugin.Exited(); <-time.After(time.Millisecond) {
		if time.Now().After(expired) {
			t.Fatal("it does not end")
		}
	}
	f.start()
	if f.read("/f") != "whole" || f.read("/other") != "all else goes on" {
		t.Error("content is wrong")
	}
}

func TestASecondProcessOnTheSameDataEndsWithOneClearLine(t *testing.T) {
	f := newFamily(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	second := exec.CommandContext(ctx, os.Args[0])
	second.Env = append(os.Environ(), serveVariable+"=1", "OCIS_RUN_DIR="+t.TempDir())
	output, err := second.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != plugins.ExitCrashed || !strings.Contains(string(output), "metadata.db is in use by another process") {
		t.Errorf("%v: %s", err, output)
	}
	if f.process.ProcessState != nil {
		t.Error("the first one is gone")
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	f := newFamily(t)
	for variable, value := range map[string]string{"STORAGE_QUOTA": "much", "STORAGE_TRASH_RETENTION": "-1h"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			if _, err := New(f.src); err == nil || !strings.Contains(err.Error(), value) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}
