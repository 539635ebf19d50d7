package webdav

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func TestAChangeMayTakeLongerThanAnybodyWaits(t *testing.T) {
	const proxyWaits = 5 * time.Minute
	for _, request := range [][]string{
		{"MOVE", "/f.txt", "Destination", home + "/g"}, {"COPY", "/f.txt", "Destination", home + "/g"},
		{"PUT", "/f.txt"}, {"DELETE", "/f.txt"}, {"MKCOL", "/new"},
	} {
		storage := aliceFiles()
		if answer := do(t, storage, request[0], home+request[1], "", request[2:]...); answer.Code >= 400 || storage.patience <= proxyWaits {
			t.Errorf("%s gets %d, and storage %s", request[0], answer.Code, storage.patience)
		}
	}
}

func TestEachFailureOfACallToStorageHasItsOwnAnswer(t *testing.T) {
	for name, check := range map[string]struct {
		err   error
		want  int
		again bool
	}{
		"storage is gone":           {microerrors.New("go.micro.client", "connection refused", 503), 503, true},
		"nobody is in the registry": {microerrors.New("go.micro.client", "service storage: not found", 500), 503, true},
		"storage was stopped":       {microerrors.New("stopped", "does not run", 503), 503, true},
		"too late":                  {microerrors.New("go.micro.client", "context deadline exceeded", 408), 504, false},
		"too late, says storage":    {refusal(408), 504, false},
		"too large a message":       {microerrors.New("grpc", "message larger than max", 500), 500, false},
		"no valid token":            {microerrors.New(token.ErrorID, "expired", 401), 500, false},
		"storage has too much":      {refusal(503), 503, true},
		"no room":                   {refusal(507), 507, false},
	} {
		t.Run(name, func(t *testing.T) {
			storage := aliceFiles()
			storage.refuse = check.err
			answer := do(t, storage, "MOVE", home+"/f.txt", "", "Destination", home+"/g")
			if answer.Code != check.want || (answer.Header().Get("Retry-After") != "") != check.again {
				t.Errorf("%d, %v", answer.Code, answer.Header())
			}
		})
	}
}

func TestACallThatStorageDiesOfIsNotRepeatedForLong(t *testing.T) {
	dies, awayOnly := microerrors.New("go.micro.client", "connection reset", 503), microerrors.New("go.micro.client", "not found", 500)
	for name, check := range map[string]struct {
		away  int
		err   error
		want  int
		calls int
	}{
		"it dies of it":          {maxBroken, dies, 503, maxBroken},
		"it dies, but not of it": {maxBroken - 1, dies, 207, maxBroken},
		"it is only away":        {maxBroken + 1, awayOnly, 207, maxBroken + 2},
	} {
		t.Run(name, func(t *testing.T) {
			log, _ := test.NewNullLogger()
			storage := aliceFiles()
			storage.away, storage.awayError = check.away, check.err
			h := &handler{storage: storage, patience: time.Minute, log: logrus.NewEntry(log)}
			answer := httptest.NewRecorder()
			listRoot(t, h, answer)
			if answer.Code != check.want || storage.calls != check.calls {
				t.Errorf("%d after %d calls", answer.Code, storage.calls)
			}
		})
	}
}

// uploads is a storage that lends a file for an upload.
type uploads struct {
	*fakeStorage
	broker *descriptor.Broker
	file   *os.File
	commit func(context.Context)
}

func (u *uploads) BeginUpload(context.Context, *storageapi.BeginUploadRequest, ...client.CallOption) (*storageapi.BeginUploadResponse, error) {
	ticket, err := u.broker.Lend(u.file, func() {})
	return &storageapi.BeginUploadResponse{UploadId: "1", Ticket: ticket, LimitBytes: 1 << 30}, err
}

func (u *uploads) CommitUpload(ctx context.Context, _ *storageapi.CommitUploadRequest, _ ...client.CallOption) (*storageapi.WriteResponse, error) {
	u.commit(ctx)
	return u.write(ctx, "/f.txt")
}

func newUploads(t *testing.T) (*uploads, *descriptor.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "webdav") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file, err := os.Create(filepath.Join(dir, "upload"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	u := &uploads{fakeStorage: aliceFiles(), broker: descriptor.NewBroker(time.Minute), file: file}
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := u.broker.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	content := descriptor.NewClient(socket)
	t.Cleanup(func() {
		content.Close()
		stop()
		serving.Wait()
	})
	return u, content
}

func TestAnUploadThatHasComeIsKeptAlsoWhenItsClientGivesUpWaiting(t *testing.T) {
	storage, content := newUploads(t)
	ctx, giveUp := context.WithCancel(token.NewContext(t.Context(), alice))
	storage.commit = func(commit context.Context) {
		giveUp()
		if commit.Err() != nil {
			t.Error("the commit ends with its client")
		}
	}
	log, _ := test.NewNullLogger()
	h := &handler{storage: storage, content: content, patience: time.Second, log: logrus.NewEntry(log)}
	const size = 2 * inlineLimit
	request := httptest.NewRequestWithContext(ctx, http.MethodPut, "http://cloud.example.org"+home+"/f.txt", bytes.NewReader(make([]byte, size)))
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	if info, err := storage.file.Stat(); answer.Code != http.StatusNoContent || err != nil || info.Size() != size || storage.patience <= 5*time.Minute {
		t.Errorf("%d %s, %v bytes, %v, and storage got %s", answer.Code, answer.Body, info.Size(), err, storage.patience)
	}
}
