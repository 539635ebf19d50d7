package tree

import (
	"context"
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// whileWriting runs read from several goroutines while write is called n times.
func whileWriting(t *testing.T, n int, write func(i int), read func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if err := read(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range n {
		write(i)
	}
	cancel()
	readers.Wait()
}

func TestMetadataAndContentAreOfOneMomentWhileTheFileIsRewritten(t *testing.T) {
	s := newStand(t, Options{})
	write := func(i int) { s.put("/f", strings.Repeat(fmt.Sprintf("%d;", i), 1+rand.IntN(3000))) }
	write(0)
	whileWriting(t, 300, write, func() error {
		opened, err := s.Open(t.Context(), s.owner, &storageapi.OpenRequest{Path: "/f", InlineLimit: uint64(rand.IntN(8000))})
		if err != nil {
			return err
		}
		content := []byte(contentOf(t, opened))
		if sum := sha1.Sum(content); string(sum[:]) != string(opened.Entry.GetChecksums().GetSha1()) || uint64(len(content)) != opened.Entry.GetSize() {
			return fmt.Errorf("%d bytes with SHA-1 %x do not belong to %v", len(content), sum, opened.Entry)
		}
		return nil
	})
}

func TestAListingIsOfOneMomentWhileFilesComeAndGo(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	s.put("/d/a", "x")
	whileWriting(t, 200, func(i int) {
		switch i % 4 {
		case 0:
			_, err := s.move("/d/a", "/d/b", false)
			s.must(err)
		case 1:
			s.put("/d/b", strings.Repeat("y", rand.IntN(100)))
		case 2:
			_, err := s.move("/d/b", "/d/a", false)
			s.must(err)
		case 3:
			s.put("/d/a", strings.Repeat("z", rand.IntN(100)))
		}
	}, func() error {
		listing, err := s.List(t.Context(), s.owner, &storageapi.ListRequest{Path: "/d"})
		if err != nil {
			return err
		}
		children := listing.Children
		if len(children) != 1 || children[0].GetSize() != listing.Directory.GetSize() {
			return fmt.Errorf("a folder of size %d has %d children: %v", listing.Directory.GetSize(), len(children), children)
		}
		return nil
	})
}

func TestConcurrentChangesOfOneTreeAddUp(t *testing.T) {
	s := newStand(t, Options{})
	s.mkdir("/d")
	var wg sync.WaitGroup
	for writer := range 8 {
		wg.Go(func() {
			for i := range 30 {
				path := fmt.Sprintf("/d/%d-%d", writer, i%5)
				if _, err := s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: path, Content: make([]byte, i)}); err != nil {
					t.Error(err)
				}
				if i%7 == 0 {
					if err := s.Delete(t.Context(), s.owner, &storageapi.DeleteRequest{Path: path}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait() // and what is on disk is checked when the test ends
}
