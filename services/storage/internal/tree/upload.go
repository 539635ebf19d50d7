package tree

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/google/uuid"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// maxUploads bounds how many uploads are open at the same time.
const maxUploads = 1024

// uploadState is where an upload is in its life.
type uploadState int

const (
	uploadOpen       uploadState = iota // being written
	uploadCommitting                    // nothing but its own commit ends it
	uploadEnded
)

// uploadEvent is what happens to an upload.
type uploadEvent int

const (
	eventCommit uploadEvent = iota
	eventAbort              // by the writer, its end, or the ticket's expiry
	eventDone               // the commit succeeded or failed
)

// after returns the state that follows. ok is false when the event has no effect.
func (s uploadState) after(e uploadEvent) (next uploadState, ok bool) {
	switch {
	case s == uploadOpen && e == eventCommit:
		return uploadCommitting, true
	case s == uploadOpen && e == eventAbort, s == uploadCommitting && e == eventDone:
		return uploadEnded, true
	}
	return s, false
}

// Upload is a file that is not visible yet. Its writer uses File and nothing else.
type Upload struct {
	ID    string
	Limit uint64 // more bytes than this will not be accepted; so much of the disk is the upload's
	File  *os.File

	blob     blobs.ID
	owner    string
	path     paths.Path
	modified int64
	guard    *storageapi.Conditions
	unsized  bool        // it has not said how large it will be
	adopted  bool        // a former process has begun it
	state    uploadState // guarded by uploads.mu

	// What came of the commit, once done is closed.
	response *storageapi.WriteResponse
	failure  error
	done     chan struct{}
}

func newUpload(blob blobs.ID, file *os.File, owner string, request *storageapi.BeginUploadRequest) *Upload {
	return &Upload{
		ID: uuid.UUID(blob).String(), File: file, blob: blob, owner: owner,
		modified: request.GetMtimeUnixNano(), guard: request.GetConditions(), unsized: request.GetSize() < 0,
		done: make(chan struct{}),
	}
}

// ErrDraining means that no upload begins any more: its end would not be awaited.
var ErrDraining = errors.New("no upload begins before the restart")

// uploads are those that have not ended. They outlive the process (adopt.go).
type uploads struct {
	blobs *blobs.Store

	mu       sync.Mutex
	byID     map[string]*Upload
	draining bool
	closed   bool
	ended    chan struct{} // has room for one: drain has something to look at
}

func newUploads(store *blobs.Store) *uploads {
	return &uploads{blobs: store, byID: map[string]*Upload{}, ended: make(chan struct{}, 1)}
}

// add begins an upload of size bytes, -1: not known, if there is room for it on disk. quota
// is what the owner may add.
func (u *uploads) add(upload *Upload, size int64, quota uint64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.draining {
		return ErrDraining
	}
	if u.closed || len(u.byID) >= maxUploads {
		return refuse(http.StatusServiceUnavailable, "too many uploads at the same time")
	}
	if err := u.reserve(upload, size, quota); err != nil {
		return err
	}
	u.byID[upload.ID] = upload
	return nil
}

// transition moves an owner's upload on, or returns nil when the event has no effect.
func (u *uploads) transition(owner, id string, e uploadEvent) *Upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	upload := u.byID[id]
	if upload == nil || upload.owner != owner {
		return nil
	}
	next, ok := upload.state.after(e)
	if !ok {
		return nil
	}
	upload.state = next
	if next == uploadEnded {
		delete(u.byID, id)
		select {
		case u.ended <- struct{}{}:
		default:
		}
	}
	return upload
}

// drain refuses new uploads and waits until the others have ended, or ctx is done.
func (u *uploads) drain(ctx context.Context) {
	for {
		u.mu.Lock()
		u.draining = true
		left := len(u.byID)
		u.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-u.ended:
		case <-ctx.Done():
			return
		}
	}
}

// running returns an owner's upload, or nil.
func (u *uploads) running(owner, id string) *Upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	if upload := u.byID[id]; upload != nil && upload.owner == owner {
		return upload
	}
	return nil
}

// runs tells whether a blob is an upload's.
func (u *uploads) runs(blob blobs.ID) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byID[uuid.UUID(blob).String()] != nil
}

// open returns some of those that are being written.
func (u *uploads) open(which func(*Upload) bool) (open []*Upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, upload := range u.byID {
		if upload.state == uploadOpen && which(upload) {
			open = append(open, upload)
		}
	}
	return open
}

// discard removes what an upload has on disk.
func (u *uploads) discard(upload *Upload) {
	u.blobs.Remove(upload.blob)
	u.settle(upload)
}

// settle ends what an upload has beside its content.
func (u *uploads) settle(upload *Upload) {
	u.blobs.DropNote(upload.blob) // else the next start does
	upload.File.Close()
}

// close leaves all uploads to the next process: there is nobody here any more who commits.
func (u *uploads) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	for _, upload := range u.open(func(*Upload) bool { return true }) {
		if u.transition(upload.owner, upload.ID, eventAbort) != nil {
			upload.File.Close()
		}
	}
}

// DrainUploads lets the uploads that have begun come to an end, and no other begin. It
// blocks until none is left or ctx is done. Everything else goes on.
func (t *Tree) DrainUploads(ctx context.Context) { t.uploads.drain(ctx) }

// BeginUpload checks a write and opens a file for its content.
func (t *Tree) BeginUpload(ctx context.Context, owner string, request *storageapi.BeginUploadRequest) (*Upload, error) {
	path, err := parse(request.GetPath())
	if err != nil {
		return nil, err
	}
	size := uint64(max(request.GetSize(), 0))
	if err := t.mayWrite(ctx, owner, path, size, request.GetConditions()); err != nil {
		return nil, err
	}
	if err := t.onDiskFor(ctx, request.GetSize()); err != nil {
		return nil, err
	}
	usage, err := t.Usage(ctx, owner)
	if err != nil {
		return nil, err
	}
	blob, file, err := t.blobs.Create()
	if err != nil {
		return nil, err
	}
	upload := newUpload(blob, file, owner, request)
	upload.path = path
	if err := t.uploads.add(upload, request.GetSize(), usage.GetAvailableBytes()); err != nil {
		t.uploads.discard(upload)
		return nil, err
	}
	if err := t.note(upload, request); err != nil {
		t.AbortUpload(owner, upload.ID)
		return nil, err
	}
	return upload, nil
}

// note writes down what the next process has to know of an upload.
func (t *Tree) note(upload *Upload, request *storageapi.BeginUploadRequest) error {
	known := record.Upload{Owner: upload.owner, Limit: upload.Limit, Request: request}
	text, err := known.Encode()
	if err != nil {
		return err
	}
	return t.blobs.Note(upload.blob, text)
}

// CommitUpload makes an upload visible. With a refusal the upload is gone. To ask again is
// safe, also after a restart: what was committed is answered as before, for some minutes. A
// caller that gives up while the content is brought to disk is no error: to drop what is
// complete would only make them send all of it again, for ever on a slow disk.
func (t *Tree) CommitUpload(ctx context.Context, owner string, request *storageapi.CommitUploadRequest) (*storageapi.WriteResponse, error) {
	id, err := uuid.Parse(request.GetUploadId())
	if err != nil {
		return nil, errGone
	}
	if upload := t.uploads.transition(owner, id.String(), eventCommit); upload != nil {
		upload.response, upload.failure = t.commitUpload(ctx, upload, request)
		t.uploads.transition(owner, upload.ID, eventDone)
		close(upload.done)
		return upload.response, upload.failure
	}
	if upload := t.uploads.running(owner, id.String()); upload != nil { // somebody was faster
		select {
		case <-upload.done:
			return upload.response, upload.failure
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return t.answerAgain(owner, blobs.ID(id))
}

// commitUpload brings an upload to disk and makes it visible, or discards it.
func (t *Tree) commitUpload(ctx context.Context, upload *Upload, request *storageapi.CommitUploadRequest) (*storageapi.WriteResponse, error) {
	new := content{size: request.GetSize(), sums: request.GetChecksums(), modified: upload.modified, upload: upload.blob}
	info, err := upload.File.Stat()
	if err == nil && uint64(info.Size()) != new.size {
		err = refuse(http.StatusBadRequest, "%d bytes have arrived, not %d", info.Size(), new.size)
	}
	if err == nil {
		err = t.mayWrite(ctx, upload.owner, upload.path, new.size, upload.guard)
	}
	if err == nil && new.size > 0 {
		new.blob = upload.blob
		err = t.blobs.Seal(upload.blob, upload.File)
	}
	var response *storageapi.WriteResponse
	if err == nil {
		response, err = t.commit(ctx, upload.owner, upload.path, upload.guard, new)
	}
	if err != nil || new.size == 0 {
		t.uploads.discard(upload)
	} else {
		t.uploads.settle(upload)
	}
	if err != nil {
		return nil, fmt.Errorf("commit an upload: %w", err)
	}
	return response, nil
}

// AbortUpload drops an upload. It has no effect when there is none, or when it is
// being committed.
func (t *Tree) AbortUpload(owner, id string) {
	if upload := t.uploads.transition(owner, id, eventAbort); upload != nil {
		t.uploads.discard(upload)
	}
}
