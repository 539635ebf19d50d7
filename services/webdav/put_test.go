package webdav

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
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

// lendingStorage takes uploads. It forgets as many tickets as it is told to, as a storage
// does that is replaced between a ticket and its use.
type lendingStorage struct {
	*fakeStorage
	t      *testing.T
	broker *descriptor.Broker
	file   string
	forget int
	begun  int
	lost   int // so many answers to commits are lost
}

func (l *lendingStorage) BeginUpload(context.Context, *storageapi.BeginUploadRequest, ...client.CallOption) (*storageapi.BeginUploadResponse, error) {
	if err := l.arrives(); err != nil {
		return nil, err
	}
	l.begun++
	if l.forget > 0 {
		l.forget--
		return &storageapi.BeginUploadResponse{UploadId: "forgotten", Ticket: make([]byte, descriptor.TicketSize)}, nil
	}
	file, err := os.Create(l.file)
	if err != nil {
		l.t.Fatal(err)
	}
	ticket, err := l.broker.Lend(file, func() { file.Close() })
	return &storageapi.BeginUploadResponse{UploadId: "kept", LimitBytes: 10 << 20, Ticket: ticket}, err
}

func (l *lendingStorage) CommitUpload(ctx context.Context, in *storageapi.CommitUploadRequest, _ ...client.CallOption) (*storageapi.WriteResponse, error) {
	if in.UploadId != "kept" {
		l.t.Errorf("commits %s", in.UploadId)
	}
	if l.lost > 0 {
		l.lost--
		return nil, microerrors.New("go.micro.client", "connection lost", 503)
	}
	return l.write(ctx, "/large")
}

// AbortUpload implements storageapi.StorageService.
func (l *lendingStorage) AbortUpload(context.Context, *storageapi.AbortUploadRequest, ...client.CallOption) (*storageapi.AbortUploadResponse, error) {
	return &storageapi.AbortUploadResponse{}, nil
}

// putLarge uploads content as a descriptor. With a header its length is not announced.
func (l *lendingStorage) putLarge(content string, header ...string) *httptest.ResponseRecorder {
	l.t.Helper()
	dir, err := os.MkdirTemp("", "put") // t.TempDir is too long for a socket
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		l.t.Fatal(err)
	}
	l.broker, l.file = descriptor.NewBroker(time.Minute), filepath.Join(dir, "file")
	ctx, cancel := context.WithCancel(l.t.Context())
	served := make(chan error, 1)
	go func() { served <- l.broker.Serve(ctx, listener) }()
	borrower := descriptor.NewClient(listener.Addr().String())
	log, _ := test.NewNullLogger()
	request := httptest.NewRequest(http.MethodPut, home+"/large", strings.NewReader(content))
	request = request.WithContext(token.NewContext(request.Context(), alice))
	if len(header) > 0 {
		request.ContentLength = -1
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	h := &handler{storage: l, content: borrower, patience: time.Minute, log: logrus.NewEntry(log)}
	h.ServeHTTP(recorder, request)
	borrower.Close()
	cancel()
	if err := <-served; err != nil {
		l.t.Error(err)
	}
	return recorder
}

func TestAnUploadSucceedsWhenStorageIsReplacedBeforeItsContentComesOrAfter(t *testing.T) {
	content := strings.Repeat("0123456789", inlineLimit/5)
	for name, storage := range map[string]*lendingStorage{
		"before it has begun":   {fakeStorage: &fakeStorage{away: 2}},
		"before the descriptor": {fakeStorage: &fakeStorage{}, forget: 2},
		"before the answer":     {fakeStorage: &fakeStorage{}, lost: 2},
	} {
		t.Run(name, func(t *testing.T) {
			storage.t = t
			if answer := storage.putLarge(content); answer.Code != http.StatusCreated {
				t.Fatalf("got %d %s", answer.Code, answer.Body)
			}
			if written, err := os.ReadFile(storage.file); err != nil || string(written) != content {
				t.Errorf("%d bytes were written, %v", len(written), err)
			}
		})
	}
}

func TestAnUploadWhoseRefusalWasLostIsToBeSentAgain(t *testing.T) {
	storage := &lendingStorage{t: t, fakeStorage: &fakeStorage{refuse: refusal(http.StatusNotFound)}, lost: 1}
	if answer := storage.putLarge(strings.Repeat("x", 2*inlineLimit)); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
}

func TestAnUploadOfUnknownLengthMustHaveTheTotalThatItsSenderSays(t *testing.T) {
	content := strings.Repeat("x", 1000)
	for total, want := range map[string]int{"1000": http.StatusCreated, "999": http.StatusBadRequest, "1001": http.StatusBadRequest} {
		storage := &lendingStorage{t: t, fakeStorage: &fakeStorage{}}
		if answer := storage.putLarge(content, "OC-Total-Length", total); answer.Code != want {
			t.Errorf("%s: %d %s", total, answer.Code, answer.Body)
		}
	}
}
