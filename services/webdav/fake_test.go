package webdav

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// fakeStorage keeps entries in memory. Calls that a test does not expect panic, since
// the embedded interface is nil.
type fakeStorage struct {
	storageapi.StorageService
	mu         sync.Mutex             // of what calls at the same time change
	conditions *storageapi.Conditions // of the last read
	entries    map[string]*storageapi.Entry
	content    map[string][]byte
	away       int          // so many calls fail as if storage were being restarted
	awayError  error        // what they fail with instead
	cutOff     int          // so many listings end before their last part
	memory     uint64       // what listings say that they take
	listings   atomic.Int64 // that are open
	refuse     error        // what writes are answered with
	put        *storageapi.PutRequest
	set        *storageapi.SetPropertiesRequest
	moved      *storageapi.MoveRequest
	copied     *storageapi.CopyRequest
	locked     *storageapi.LockRequest
	refresh    *storageapi.RefreshLockRequest
	unlocked   string
	calls      int
	patience   time.Duration // what the last change was given
}

func refusal(code int32) error { return microerrors.New(storageName, "because", code) }

func (f *fakeStorage) arrives() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.away > 0 {
		f.away--
		if f.awayError != nil {
			return f.awayError
		}
		return microerrors.New("go.micro.client", "connection lost", 500)
	}
	return nil
}

func (f *fakeStorage) entry(name string) (*storageapi.Entry, error) {
	if err := f.arrives(); err != nil {
		return nil, err
	}
	if entry, ok := f.entries[name]; ok {
		return entry, nil
	}
	return nil, refusal(http.StatusNotFound)
}

func (f *fakeStorage) Stat(_ context.Context, in *storageapi.StatRequest, _ ...client.CallOption) (*storageapi.Entry, error) {
	f.conditions = in.Conditions
	return f.entry(in.Path)
}

func (f *fakeStorage) List(_ context.Context, in *storageapi.ListRequest, _ ...client.CallOption) (storageapi.Storage_ListService, error) {
	entry, err := f.entry(in.Path)
	if err != nil {
		return nil, err
	}
	f.listings.Add(1)
	listing := &fakeListing{storage: f, parts: []*storageapi.ListPart{{Directory: entry, MemoryBytes: f.memory}}}
	for name, child := range f.entries {
		if name != "/" && path.Dir(name) == in.Path {
			listing.parts = append(listing.parts, &storageapi.ListPart{Children: []*storageapi.Entry{child}})
		}
	}
	sort.Slice(listing.parts[1:], func(i, j int) bool { return listing.parts[1+i].Children[0].Path < listing.parts[1+j].Children[0].Path })
	return listing, nil
}

// fakeListing is a listing in many parts.
type fakeListing struct {
	storageapi.Storage_ListService
	storage *fakeStorage
	parts   []*storageapi.ListPart
}

func (l *fakeListing) Recv() (*storageapi.ListPart, error) {
	if len(l.parts) == 0 {
		return nil, io.EOF
	}
	if len(l.parts) == 1 && l.storage.cutOff > 0 {
		l.storage.cutOff--
		return nil, microerrors.New("go.micro.client", "connection lost", 503)
	}
	part := l.parts[0]
	l.parts = l.parts[1:]
	return part, nil
}

func (l *fakeListing) Close() error {
	l.storage.listings.Add(-1)
	return nil
}

func (f *fakeStorage) Usage(context.Context, *storageapi.UsageRequest, ...client.CallOption) (*storageapi.UsageResponse, error) {
	return &storageapi.UsageResponse{UsedBytes: 7, AvailableBytes: 93}, f.arrives()
}

func (f *fakeStorage) Open(_ context.Context, in *storageapi.OpenRequest, _ ...client.CallOption) (*storageapi.OpenResponse, error) {
	f.conditions = in.Conditions
	entry, err := f.entry(in.Path)
	if err != nil {
		return nil, err
	}
	return &storageapi.OpenResponse{Entry: entry, IsInline: true, Content: f.content[in.Path]}, nil
}

func (f *fakeStorage) write(ctx context.Context, name string) (*storageapi.WriteResponse, error) {
	deadline, _ := ctx.Deadline()
	f.patience = time.Until(deadline)
	if err := f.arrives(); err != nil {
		return nil, err
	}
	if f.refuse != nil {
		return nil, f.refuse
	}
	return &storageapi.WriteResponse{Entry: &storageapi.Entry{Id: "new", Path: name, Etag: "e2"}, Created: f.entries[name] == nil}, nil
}

func (f *fakeStorage) Put(ctx context.Context, in *storageapi.PutRequest, _ ...client.CallOption) (*storageapi.WriteResponse, error) {
	f.put = &storageapi.PutRequest{
		Path: in.Path, Content: append([]byte(nil), in.Content...), Expected: in.Expected,
		MtimeUnixNano: in.MtimeUnixNano, Conditions: in.Conditions,
	}
	return f.write(ctx, in.Path)
}

func (f *fakeStorage) MakeDirectory(ctx context.Context, in *storageapi.MakeDirectoryRequest, _ ...client.CallOption) (*storageapi.WriteResponse, error) {
	return f.write(ctx, in.Path)
}

func (f *fakeStorage) Delete(ctx context.Context, _ *storageapi.DeleteRequest, _ ...client.CallOption) (*storageapi.DeleteResponse, error) {
	_, err := f.write(ctx, "")
	return &storageapi.DeleteResponse{}, err
}

func (f *fakeStorage) Move(ctx context.Context, in *storageapi.MoveRequest, _ ...client.CallOption) (*storageapi.WriteResponse, error) {
	f.moved = in
	return f.write(ctx, in.Destination)
}

func (f *fakeStorage) Copy(ctx context.Context, in *storageapi.CopyRequest, _ ...client.CallOption) (*storageapi.WriteResponse, error) {
	f.copied = in
	return f.write(ctx, in.Destination)
}

func (f *fakeStorage) SetProperties(_ context.Context, in *storageapi.SetPropertiesRequest, _ ...client.CallOption) (*storageapi.Entry, error) {
	f.set = in
	return f.entry(in.Path)
}

func (f *fakeStorage) Lock(ctx context.Context, in *storageapi.LockRequest, _ ...client.CallOption) (*storageapi.LockResponse, error) {
	f.locked = in
	_, err := f.write(ctx, in.Path)
	lock := &storageapi.ActiveLock{Token: "urn:uuid:1", Root: in.Path, Exclusive: in.Exclusive, Infinite: in.Infinite, OwnerXml: in.OwnerXml, TimeoutSeconds: 60}
	return &storageapi.LockResponse{Lock: lock, Created: f.entries[in.Path] == nil}, err
}

func (f *fakeStorage) RefreshLock(_ context.Context, in *storageapi.RefreshLockRequest, _ ...client.CallOption) (*storageapi.LockResponse, error) {
	f.refresh = in
	return &storageapi.LockResponse{Lock: &storageapi.ActiveLock{Token: in.Token, Root: in.Path, TimeoutSeconds: in.TimeoutSeconds}}, f.arrives()
}

func (f *fakeStorage) Unlock(ctx context.Context, in *storageapi.UnlockRequest, _ ...client.CallOption) (*storageapi.UnlockResponse, error) {
	f.unlocked = in.Token
	_, err := f.write(ctx, "")
	return &storageapi.UnlockResponse{}, err
}

// aliceFiles are two files and a folder.
func aliceFiles() *fakeStorage {
	return &fakeStorage{
		entries: map[string]*storageapi.Entry{
			"/":       {Id: "1", Path: "/", Type: storageapi.Type_TYPE_DIRECTORY, Etag: "root", Size: 5},
			"/a & b":  {Id: "2", Path: "/a & b", Type: storageapi.Type_TYPE_DIRECTORY, Etag: "dir"},
			"/f.txt":  {Id: "3", Path: "/f.txt", Type: storageapi.Type_TYPE_FILE, Etag: "e1", Size: 5, Checksums: &storageapi.Checksums{Sha1: []byte{0xab}, Md5: []byte{0xcd}}},
			"/ü/deep": {Id: "4", Path: "/ü/deep", Type: storageapi.Type_TYPE_FILE, Etag: "e4"},
			"/tagged": {Id: "5", Path: "/tagged", Type: storageapi.Type_TYPE_FILE, Etag: "e5", Properties: []*storageapi.Property{{Namespace: "urn:x", Name: "color", InnerXml: []byte("<b xmlns=\"\">red</b>")}}},
		},
		content: map[string][]byte{"/f.txt": []byte("hello")},
	}
}

var alice = token.Claims{Subject: "id-alice", Username: "alice", DisplayName: "Alice"}

// do sends a request as alice.
func do(t *testing.T, storage *fakeStorage, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, "http://cloud.example.org/", strings.NewReader(body))
	parsed, err := request.URL.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	request.URL = parsed
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	request = request.WithContext(token.NewContext(request.Context(), alice))
	log, _ := test.NewNullLogger()
	recorder := httptest.NewRecorder()
	(&handler{storage: storage, patience: 100 * time.Millisecond, log: logrus.NewEntry(log)}).ServeHTTP(recorder, request)
	return recorder
}
