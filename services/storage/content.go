package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	microerrors "go-micro.dev/v4/errors"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/tree"
)

// chunkBytes is how much content one message of a download has.
const chunkBytes = 256 << 10

// Open implements storageapi.StorageHandler.
func (h *handler) Open(ctx context.Context, in *storageapi.OpenRequest, out *storageapi.OpenResponse) error {
	opened, err := h.tree.Open(ctx, owner(ctx), in)
	if err != nil {
		return h.fault(err)
	}
	out.Entry = opened.Entry
	if opened.File == nil {
		out.IsInline, out.Content = true, opened.Content
		return nil
	}
	out.Ticket, err = h.broker.Give(opened.File)
	return h.fault(err)
}

// Download implements storageapi.StorageHandler.
func (h *handler) Download(ctx context.Context, in *storageapi.OpenRequest, stream storageapi.Storage_DownloadStream) error {
	opened, err := h.tree.Open(ctx, owner(ctx), &storageapi.OpenRequest{Path: in.GetPath(), Conditions: in.GetConditions()})
	if err != nil {
		return h.fault(err)
	}
	if err := stream.Send(&storageapi.DownloadChunk{Entry: opened.Entry}); err != nil || opened.File == nil {
		if opened.File != nil {
			opened.File.Close()
		}
		return err
	}
	defer opened.File.Close()
	for buffer := make([]byte, chunkBytes); ; {
		n, err := opened.File.Read(buffer)
		if n > 0 {
			if err := stream.Send(&storageapi.DownloadChunk{Content: buffer[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return h.fault(fmt.Errorf("read the content of %s: %w", opened.Entry.GetId(), err))
		}
	}
}

// BeginUpload implements storageapi.StorageHandler. The upload is lent to whoever
// redeems the ticket: when that connection ends before the commit, so does the upload,
// unless it is this end that goes. Then the upload is for the next process to commit.
func (h *handler) BeginUpload(ctx context.Context, in *storageapi.BeginUploadRequest, out *storageapi.BeginUploadResponse) error {
	user := owner(ctx)
	upload, err := h.tree.BeginUpload(ctx, user, in)
	if err != nil {
		return h.fault(err)
	}
	out.UploadId, out.LimitBytes = upload.ID, upload.Limit
	out.Ticket, err = h.broker.Lend(upload.File, func() {
		if !h.ending() {
			h.tree.AbortUpload(user, upload.ID)
		}
	})
	if err != nil {
		h.tree.AbortUpload(user, upload.ID)
	}
	return h.fault(err)
}

// CommitUpload implements storageapi.StorageHandler.
func (h *handler) CommitUpload(ctx context.Context, in *storageapi.CommitUploadRequest, out *storageapi.WriteResponse) error {
	response, err := h.tree.CommitUpload(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// AbortUpload implements storageapi.StorageHandler.
func (h *handler) AbortUpload(ctx context.Context, in *storageapi.AbortUploadRequest, _ *storageapi.AbortUploadResponse) error {
	h.tree.AbortUpload(owner(ctx), in.GetUploadId())
	return nil
}

// Upload implements storageapi.StorageHandler.
func (h *handler) Upload(ctx context.Context, stream storageapi.Storage_UploadStream) error {
	user := owner(ctx)
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetBegin() == nil {
		return microerrors.BadRequest(Name, "the first message of an upload begins it")
	}
	upload, err := h.tree.BeginUpload(ctx, user, first.GetBegin())
	if err != nil {
		return h.fault(err)
	}
	defer h.tree.AbortUpload(user, upload.ID) // without effect after the commit
	commit, err := receive(upload, first, stream)
	if err != nil {
		return h.fault(err)
	}
	response, err := h.tree.CommitUpload(ctx, user, &storageapi.CommitUploadRequest{
		UploadId: upload.ID, Size: commit.GetSize(), Checksums: commit.GetChecksums(),
	})
	if err != nil {
		return h.fault(err)
	}
	return stream.SendMsg(response)
}

// receive writes the chunks of a stream, of which first is the first, to an upload
// until one of them commits.
func receive(upload *tree.Upload, first *storageapi.UploadChunk, stream storageapi.Storage_UploadStream) (*storageapi.CommitUploadRequest, error) {
	var size uint64
	for chunk := first; ; {
		size += uint64(len(chunk.GetContent()))
		if size > upload.Limit {
			return nil, &tree.Refusal{Status: http.StatusInsufficientStorage, Reason: "the upload is larger than what there is room for"}
		}
		if _, err := upload.File.Write(chunk.GetContent()); err != nil {
			return nil, fmt.Errorf("write an upload: %w", err)
		}
		if chunk.GetCommit() != nil {
			return chunk.GetCommit(), nil
		}
		var err error
		if chunk, err = stream.Recv(); err != nil {
			return nil, fmt.Errorf("the upload was cut off: %w", err)
		}
	}
}
