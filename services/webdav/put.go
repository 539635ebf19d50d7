package webdav

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	microerrors "go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/disk"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// upload is what a PUT says about the content to come.
type upload struct {
	size       int64 // -1: not known
	total      int64 // what OC-Total-Length says; -1: nothing
	mtime      int64 // nanoseconds; 0: now
	expected   *storageapi.Checksums
	conditions *storageapi.Conditions
}

func put(w http.ResponseWriter, r *request) error {
	u, err := r.upload()
	if err != nil {
		return err
	}
	var response *storageapi.WriteResponse
	if u.size >= 0 && u.size <= inlineLimit {
		response, err = r.putSmall(u)
	} else {
		response, err = r.putLarge(u)
	}
	if err != nil {
		return err
	}
	describe(w.Header(), response.Entry)
	if u.mtime != 0 {
		w.Header().Set("X-OC-MTime", "accepted")
	}
	w.WriteHeader(written(response.Created))
	return nil
}

// upload reads the headers of a PUT.
func (r *request) upload() (upload, error) {
	u := upload{size: r.ContentLength, total: -1}
	if r.folder {
		return u, &davError{status: http.StatusConflict, message: "a file's name cannot end in a slash"}
	}
	if r.Header.Get("Content-Range") != "" {
		return u, &davError{status: http.StatusBadRequest, message: "parts of a file cannot be written"}
	}
	if text := r.Header.Get("X-OC-Mtime"); text != "" {
		mtime, err := parseMtime(text)
		if err != nil {
			return u, err
		}
		u.mtime = mtime
	}
	if text := r.Header.Get("OC-Total-Length"); text != "" {
		total, err := strconv.ParseInt(text, 10, 64)
		if err != nil || total < 0 {
			return u, &davError{status: http.StatusBadRequest, message: "the OC-Total-Length header is no number of bytes"}
		}
		if u.total = total; u.size >= 0 && u.size != total {
			return u, errTotal
		}
	}
	var err error
	if u.expected, err = expected(r.Header.Get("OC-Checksum")); err != nil {
		return u, err
	}
	u.conditions, err = r.conditions()
	return u, err
}

// parseMtime reads seconds since 1970, with or without a fraction, as nanoseconds.
func parseMtime(text string) (int64, error) {
	seconds, err := strconv.ParseFloat(text, 64)
	const most = 1 << 33 // the year 2242: no overflow in nanoseconds
	if err != nil || !(seconds > -most && seconds < most) {
		return 0, &davError{status: http.StatusBadRequest, message: "the time is not a number of seconds since 1970"}
	}
	if whole := int64(seconds); float64(whole) == seconds {
		return whole * int64(time.Second), nil
	}
	return int64(seconds * float64(time.Second)), nil
}

// errShort answers a body that ended early: the connection may still be there.
var errShort = &davError{status: http.StatusBadRequest, message: "the body is shorter than its announced length"}

// errTotal answers a body that is not what its sender takes it for.
var errTotal = &davError{status: http.StatusBadRequest, message: "the body has not the length that OC-Total-Length says"}

// smallBodies are the buffers of small uploads.
var smallBodies = sync.Pool{New: func() any {
	buffer := make([]byte, inlineLimit)
	return &buffer
}}

// putSmall reads the whole body and writes it with one call.
func (r *request) putSmall(u upload) (*storageapi.WriteResponse, error) {
	buffer := smallBodies.Get().(*[]byte)
	defer smallBodies.Put(buffer)
	content := (*buffer)[:u.size]
	if _, err := io.ReadFull(r.Body, content); err != nil {
		return nil, errShort
	}
	ctx, cancel := r.change()
	defer cancel()
	return r.handler.storage.Put(ctx, &storageapi.PutRequest{
		Path: r.path, Content: content, Expected: u.expected, MtimeUnixNano: u.mtime, Conditions: u.conditions,
	})
}

// putLarge lets the body flow into a file that becomes visible when it is complete.
func (r *request) putLarge(u upload) (*storageapi.WriteResponse, error) {
	begun, err := r.begin(u)
	if err != nil {
		return nil, err
	}
	loan := begun.loan
	defer loan.Abandon() // without effect after Return
	size, checksums, err := r.receive(loan, u, begun.limit)
	if err != nil {
		r.abort(begun.id)
		return nil, err
	}
	response, err := r.commit(&storageapi.CommitUploadRequest{
		UploadId: begun.id, Size: uint64(size), Checksums: checksums,
	})
	if err != nil {
		return nil, forgotten(err)
	}
	loan.Return()
	return response, nil
}

// commit makes an upload visible, also for a client that has given up by now: all of it has
// come, and the next try would take as long. Storage may be replaced meanwhile: the upload
// outlives it, and a commit that was made is not made again.
func (r *request) commit(commit *storageapi.CommitUploadRequest) (*storageapi.WriteResponse, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
	defer cancel()
	return repeat(ctx, commitPatience, func(ctx context.Context) (*storageapi.WriteResponse, error) {
		return r.handler.storage.CommitUpload(ctx, commit)
	})
}

// begun is an upload that waits for its content.
type begun struct {
	id    string
	limit int64
	loan  *descriptor.Loan
}

// begin makes the file that the body goes to. None of the body was read yet, so this may be
// repeated; a file that nobody came for is dropped by storage.
func (r *request) begin(u upload) (begun, error) {
	return read(r, func(ctx context.Context) (begun, error) {
		answer, err := r.handler.storage.BeginUpload(ctx, &storageapi.BeginUploadRequest{
			Path: r.path, Size: u.size, MtimeUnixNano: u.mtime, Conditions: u.conditions,
		})
		if err != nil {
			return begun{}, err
		}
		loan, err := r.handler.content.Borrow(ctx, answer.Ticket)
		if err != nil {
			return begun{}, fmt.Errorf("%w: %w", errContentAway, err)
		}
		return begun{id: answer.UploadId, limit: int64(answer.LimitBytes), loan: loan}, nil
	})
}

// forgotten translates the answer of a storage that knows nothing of the upload: it was
// refused, and storage was replaced before it could say why. The client is to send it again.
func forgotten(err error) error {
	var theirs *microerrors.Error
	if errors.As(err, &theirs) && theirs.Code == http.StatusNotFound {
		return &davError{status: http.StatusServiceUnavailable, message: "the storage was restarted at the end of the upload; send the file again"}
	}
	return err
}

// copyBuffers are the buffers of large uploads.
var copyBuffers = sync.Pool{New: func() any {
	buffer := make([]byte, 256<<10)
	return &buffer
}}

// receive writes the body to the borrowed file and checks it.
func (r *request) receive(loan *descriptor.Loan, u upload, limit int64) (int64, *storageapi.Checksums, error) {
	sums := newSums()
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	body := struct{ io.Reader }{io.LimitReader(r.Body, limit+1)}
	size, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(loan.File, sums)}, body, *buffer)
	switch {
	case size > limit:
		return 0, nil, &davError{status: http.StatusInsufficientStorage, message: "there is no room for this file"}
	case err != nil && disk.IsFull(err):
		return 0, nil, &davError{status: http.StatusInsufficientStorage, message: "the disk is full"}
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && u.size >= 0 && size != u.size:
		return 0, nil, errShort
	case err != nil:
		return 0, nil, fmt.Errorf("receive %s: %w", r.path, err)
	case u.total >= 0 && size != u.total:
		return 0, nil, errTotal
	}
	got := sums.result()
	if u.expected != nil && !fits(u.expected, got) {
		return 0, nil, &davError{status: http.StatusBadRequest, message: "the checksum does not fit the content"}
	}
	return size, got, nil
}

// abort drops an upload at once. Should that fail, storage drops it when nobody has the
// descriptor any more.
func (r *request) abort(id string) {
	// The client may be gone, and its context with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callTimeout)
	defer cancel()
	if _, err := r.handler.storage.AbortUpload(ctx, &storageapi.AbortUploadRequest{UploadId: id}); err != nil {
		r.handler.log.WithError(err).Debug("an upload could not be dropped at once")
	}
}
