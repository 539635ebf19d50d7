package tree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/ration"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// fillLarge makes a folder whose listing is large.
func (s *stand) fillLarge(path string) {
	s.t.Helper()
	s.mkdir(path)
	property := &storageapi.Property{Namespace: "urn:x", Name: "large", InnerXml: []byte(strings.Repeat("x", 64_000))}
	for i := range 2 * smallListing / 64_000 {
		file := fmt.Sprintf("%s/%03d", path, i)
		s.put(file, "")
		_, err := s.SetProperties(s.t.Context(), s.owner, &storageapi.SetPropertiesRequest{
			Path: file, Changes: []*storageapi.PropertyChange{{Property: property}},
		})
		s.must(err)
	}
}

func (s *stand) listing(ctx context.Context, path string) (*Listing, error) {
	return s.List(ctx, s.owner, &storageapi.ListRequest{Path: path})
}

func TestLargeListingsWaitForEachOtherAndSmallOnesForNobody(t *testing.T) {
	s := newStand(t, Options{})
	s.listings = ration.New(1)
	s.fillLarge("/large")
	s.mkdir("/small")
	s.put("/small/f", "")
	first, err := s.listing(t.Context(), "/large")
	s.must(err)
	if len(first.Children) != 2*smallListing/64_000 || first.Memory < smallListing {
		t.Errorf("%d children, %d bytes", len(first.Children), first.Memory)
	}
	small, err := s.listing(t.Context(), "/small")
	if s.must(err); len(small.Children) != 1 || small.Memory == 0 {
		t.Errorf("%d children, %d bytes", len(small.Children), small.Memory)
	}
	small.Share.Return()
	gone, goAway := context.WithCancel(t.Context())
	goAway()
	if _, err := s.listing(gone, "/large"); !errors.Is(err, context.Canceled) {
		t.Errorf("one that nobody waits for: %v", err)
	}
	second := make(chan int)
	go func() {
		listing, err := s.listing(t.Context(), "/large")
		if err != nil {
			t.Error(err)
		}
		listing.Share.Return()
		second <- len(listing.Children)
	}()
	select {
	case <-second:
		t.Error("nobody waits")
	case <-time.After(10 * time.Millisecond): // a chance to be wrong, no readiness
	}
	first.Share.Return()
	if n := <-second; n != len(first.Children) {
		t.Errorf("who has waited gets %d children", n)
	}
}

func TestAListingTakesAboutAsMuchMemoryAsItSays(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	for i := range 2000 {
		s.put(fmt.Sprintf("/d/a name of a common length %04d.txt", i), "x")
	}
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	listing, err := s.Tree.list(t.Context(), s.owner, &storageapi.ListRequest{Path: "/d"}, math.MaxUint64)
	s.must(err)
	took := heap() - before
	if took > 2*listing.Memory || took < listing.Memory/2 {
		t.Errorf("%d bytes, it says %d", took, listing.Memory)
	}
	runtime.KeepAlive(listing)
	t.Logf("%d bytes, it says %d", took, listing.Memory)
}
