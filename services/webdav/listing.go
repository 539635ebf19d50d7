package webdav

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"

	"github.com/owncloud/ocis-runtime/services/internal/ration"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// smallListing is up to which size in memory a listing waits for nobody: some two thousand
// files. Of larger ones only so many exist at the same time as fit into a part of the memory.
const smallListing = 1 << 20

// listing is a resource and what is in it. Who has it returns the share.
type listing struct {
	entries []*storageapi.Entry
	memory  uint64 // about how many bytes it takes
	share   *ration.Share
}

// handOut returns the entries, once: each is let go when the next one is asked for, so that
// a client that takes its time does not keep the memory from others.
func (l *listing) handOut() iter.Seq[*storageapi.Entry] {
	const step = 1024
	return func(yield func(*storageapi.Entry) bool) {
		all := len(l.entries)
		for i, entry := range l.entries {
			if !yield(entry) {
				return
			}
			if l.entries[i] = nil; i%step == 0 {
				l.share.Keep(l.memory / uint64(all) * uint64(all-i))
			}
		}
	}
}

// list returns a folder and what is in it, all as of one moment.
func (r *request) list(ctx context.Context, request *storageapi.ListRequest) (listing, error) {
	reading, err := r.openListing(ctx, request)
	if err != nil {
		return listing{}, err
	}
	memory := reading.head.MemoryBytes
	if memory <= smallListing {
		return reading.finish(nil)
	}
	if share, ok := r.handler.listings.TryTake(memory); ok {
		return reading.finish(share)
	}
	// Nobody waits with a listing in hand: storage has it in memory meanwhile.
	reading.close()
	share, err := r.handler.listings.Take(ctx, memory)
	switch {
	case errors.Is(err, ration.ErrBusy):
		return listing{}, errManyListings
	case err != nil:
		return listing{}, errLate
	}
	if reading, err = r.openListing(ctx, request); err != nil {
		share.Return()
		return listing{}, err
	}
	return reading.finish(share)
}

// errManyListings answers who has waited in vain.
var errManyListings = &davError{status: http.StatusServiceUnavailable, message: "too many large folders are listed at the same time; try again"}

// reading is a listing on its way.
type reading struct {
	stream storageapi.Storage_ListService
	head   *storageapi.ListPart // the first part
	cancel context.CancelFunc
}

func (r *request) openListing(ctx context.Context, request *storageapi.ListRequest) (*reading, error) {
	// go-micro's client loses count of a stream when its context ends while it is opened. So
	// that of the request does not end it, only its deadline.
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	stream, err := r.handler.storage.List(ctx, request)
	if err != nil {
		cancel()
		return nil, err
	}
	opened := &reading{stream: stream, cancel: cancel}
	if opened.head, err = stream.Recv(); err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

// finish reads all of a listing that has that share of the memory, and closes it.
func (r *reading) finish(share *ration.Share) (listing, error) {
	defer r.close()
	entries := append([]*storageapi.Entry{r.head.Directory}, r.head.Children...)
	for {
		part, err := r.stream.Recv()
		if errors.Is(err, io.EOF) {
			return listing{entries: entries, memory: r.head.MemoryBytes, share: share}, nil
		}
		if err != nil {
			share.Return()
			return listing{}, err
		}
		entries = append(entries, part.Children...)
	}
}

// close ends the stream, also in its middle.
func (r *reading) close() {
	_ = r.stream.Close() // only to let it go
	r.cancel()
}
