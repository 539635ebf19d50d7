package webdav

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/owncloud/ocis-runtime/services/internal/ration"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// slowClient takes an answer when the test says so.
type slowClient struct {
	*httptest.ResponseRecorder
	goOn chan struct{}
}

func (c *slowClient) Write(p []byte) (int, error) {
	<-c.goOn
	return c.ResponseRecorder.Write(p)
}

// hungry is a handler whose listings are large, with memory for some of them.
func hungry(storage *fakeStorage, listings int64) *handler {
	log, _ := test.NewNullLogger()
	storage.memory = 10 * smallListing
	return &handler{
		storage: storage, patience: time.Second, log: logrus.NewEntry(log),
		listings: ration.New(listings * int64(storage.memory)),
	}
}

func listRoot(t *testing.T, h *handler, w http.ResponseWriter) {
	request := httptest.NewRequest("PROPFIND", "http://cloud.example.org"+home+"/", nil)
	request.Header.Set("Depth", "1")
	h.ServeHTTP(w, request.WithContext(token.NewContext(t.Context(), alice)))
}

func TestLargeListingsWaitForTheMemoryOfOthersWithoutKeepingStorageBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := aliceFiles()
		h := hungry(storage, 2)
		goOn := make(chan struct{})
		answers := make([]*slowClient, 5)
		var listing sync.WaitGroup
		for i := range answers {
			answers[i] = &slowClient{httptest.NewRecorder(), goOn}
			listing.Go(func() { listRoot(t, h, answers[i]) })
			synctest.Wait()
		}
		if open := storage.listings.Load(); open != 0 {
			t.Errorf("%d listings are open at storage while others are being sent", open)
		}
		if _, ok := h.listings.TryTake(1); ok {
			t.Error("there is memory left")
		}
		close(goOn)
		listing.Wait()
		for _, answer := range answers {
			if answer.Code != http.StatusMultiStatus || !strings.HasSuffix(answer.Body.String(), "</d:multistatus>\n") {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		}
		if _, ok := h.listings.TryTake(2 * storage.memory); !ok {
			t.Error("not all memory was given back")
		}
	})
}

func TestALargeListingThatWaitsInVainIsToBeAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := aliceFiles()
		h := hungry(storage, 1)
		slow := &slowClient{httptest.NewRecorder(), make(chan struct{})}
		var listing sync.WaitGroup
		listing.Go(func() { listRoot(t, h, slow) })
		synctest.Wait()
		answer := httptest.NewRecorder()
		listRoot(t, h, answer)
		if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
			t.Errorf("got %d %s", answer.Code, answer.Body)
		}
		storage.memory = smallListing
		answer = httptest.NewRecorder()
		if listRoot(t, h, answer); answer.Code != http.StatusMultiStatus {
			t.Errorf("a small one has to wait: %d %s", answer.Code, answer.Body)
		}
		close(slow.goOn)
		listing.Wait()
		if slow.Code != http.StatusMultiStatus {
			t.Errorf("the slow client gets %d", slow.Code)
		}
	})
}

func TestAListingThatIsBrokenOffGivesItsMemoryBack(t *testing.T) {
	storage := aliceFiles()
	storage.cutOff = 1
	h := hungry(storage, 1)
	answer := httptest.NewRecorder()
	listRoot(t, h, answer)
	if answer.Code != http.StatusMultiStatus {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
	if _, ok := h.listings.TryTake(storage.memory); !ok || storage.listings.Load() != 0 {
		t.Errorf("memory was given back: %v; %d listings are open", ok, storage.listings.Load())
	}
}

func TestMemoryIsGivenBackWhileAListingIsSent(t *testing.T) {
	const all = 5000
	larder := ration.New(all)
	share, _ := larder.TryTake(all)
	l := listing{entries: make([]*storageapi.Entry, all), memory: all, share: share}
	sent := 0
	for range l.handOut() {
		if sent++; sent == all/2 {
			break
		}
	}
	if _, ok := larder.TryTake(all / 3); !ok {
		t.Error("half of it was sent, and not a third is free")
	}
	share.Return()
}
