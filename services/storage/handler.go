package storage

import (
	"context"
	"errors"
	"net/http"

	"github.com/sirupsen/logrus"
	microerrors "go-micro.dev/v4/errors"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/owncloud/ocis-runtime/services/internal/descriptor"
	"github.com/owncloud/ocis-runtime/services/internal/disk"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/tree"
)

// handler is the API: it takes the user from the token, calls the engine, and puts
// results and errors on the wire.
type handler struct {
	tree   *tree.Tree
	broker *descriptor.Broker
	ending func() bool // the process gives way to the next one
	log    *logrus.Entry
}

// owner is the user that a call is about: the one that asks.
func owner(ctx context.Context) string {
	claims, _ := token.FromContext(ctx)
	return claims.Subject
}

// reply moves a result's fields into the message that go-micro sends.
func (h *handler) reply(out, result proto.Message, err error) error {
	if err != nil {
		return h.fault(err)
	}
	to := out.ProtoReflect()
	result.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		to.Set(field, value)
		return true
	})
	return nil
}

// fault gives an error its code.
func (h *handler) fault(err error) error {
	if err == nil {
		return nil
	}
	var refusal *tree.Refusal
	switch {
	case errors.As(err, &refusal):
		return microerrors.New(Name, refusal.Reason, int32(refusal.Status))
	case disk.IsFull(err):
		return microerrors.New(Name, "the disk is full", http.StatusInsufficientStorage)
	case errors.Is(err, tree.ErrDraining):
		return microservice.Draining()
	case errors.Is(err, descriptor.ErrBusy):
		return microerrors.New(Name, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return microerrors.New(Name, err.Error(), http.StatusRequestTimeout)
	}
	h.log.WithError(err).Error("a call failed")
	return microerrors.New(Name, "the storage failed; its log says why", http.StatusInternalServerError)
}

// Stat implements storageapi.StorageHandler.
func (h *handler) Stat(ctx context.Context, in *storageapi.StatRequest, out *storageapi.Entry) error {
	entry, err := h.tree.Stat(ctx, owner(ctx), in)
	return h.reply(out, entry, err)
}

// partBytes is about how much of a listing one message has.
const partBytes = 256 << 10

// List implements storageapi.StorageHandler. The whole listing is in memory before the
// first part goes out, so that a caller who takes it slowly does not hold up the database.
func (h *handler) List(ctx context.Context, in *storageapi.ListRequest, stream storageapi.Storage_ListStream) error {
	listing, err := h.tree.List(ctx, owner(ctx), in)
	if err != nil {
		return h.fault(err)
	}
	defer listing.Share.Return()
	part, size := &storageapi.ListPart{Directory: listing.Directory, MemoryBytes: listing.Memory}, 0
	for _, child := range listing.Children {
		if size += tree.Weight(child); size > partBytes {
			if err := stream.Send(part); err != nil {
				return err
			}
			part, size = &storageapi.ListPart{}, 0
		}
		part.Children = append(part.Children, child)
	}
	return stream.Send(part)
}

// Usage implements storageapi.StorageHandler.
func (h *handler) Usage(ctx context.Context, _ *storageapi.UsageRequest, out *storageapi.UsageResponse) error {
	response, err := h.tree.Usage(ctx, owner(ctx))
	return h.reply(out, response, err)
}

// Put implements storageapi.StorageHandler.
func (h *handler) Put(ctx context.Context, in *storageapi.PutRequest, out *storageapi.WriteResponse) error {
	response, err := h.tree.Put(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// MakeDirectory implements storageapi.StorageHandler.
func (h *handler) MakeDirectory(ctx context.Context, in *storageapi.MakeDirectoryRequest, out *storageapi.WriteResponse) error {
	response, err := h.tree.MakeDirectory(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// Delete implements storageapi.StorageHandler.
func (h *handler) Delete(ctx context.Context, in *storageapi.DeleteRequest, _ *storageapi.DeleteResponse) error {
	return h.fault(h.tree.Delete(ctx, owner(ctx), in))
}

// Move implements storageapi.StorageHandler.
func (h *handler) Move(ctx context.Context, in *storageapi.MoveRequest, out *storageapi.WriteResponse) error {
	response, err := h.tree.Move(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// Copy implements storageapi.StorageHandler.
func (h *handler) Copy(ctx context.Context, in *storageapi.CopyRequest, out *storageapi.WriteResponse) error {
	response, err := h.tree.Copy(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// SetProperties implements storageapi.StorageHandler.
func (h *handler) SetProperties(ctx context.Context, in *storageapi.SetPropertiesRequest, out *storageapi.Entry) error {
	entry, err := h.tree.SetProperties(ctx, owner(ctx), in)
	return h.reply(out, entry, err)
}

// Lock implements storageapi.StorageHandler.
func (h *handler) Lock(ctx context.Context, in *storageapi.LockRequest, out *storageapi.LockResponse) error {
	response, err := h.tree.Lock(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// RefreshLock implements storageapi.StorageHandler.
func (h *handler) RefreshLock(ctx context.Context, in *storageapi.RefreshLockRequest, out *storageapi.LockResponse) error {
	response, err := h.tree.RefreshLock(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// Unlock implements storageapi.StorageHandler.
func (h *handler) Unlock(ctx context.Context, in *storageapi.UnlockRequest, _ *storageapi.UnlockResponse) error {
	return h.fault(h.tree.Unlock(ctx, owner(ctx), in))
}

// ListTrash implements storageapi.StorageHandler.
func (h *handler) ListTrash(ctx context.Context, in *storageapi.ListTrashRequest, out *storageapi.ListTrashResponse) error {
	response, err := h.tree.ListTrash(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// RestoreTrash implements storageapi.StorageHandler.
func (h *handler) RestoreTrash(ctx context.Context, in *storageapi.RestoreTrashRequest, out *storageapi.WriteResponse) error {
	response, err := h.tree.RestoreTrash(ctx, owner(ctx), in)
	return h.reply(out, response, err)
}

// PurgeTrash implements storageapi.StorageHandler.
func (h *handler) PurgeTrash(ctx context.Context, in *storageapi.PurgeTrashRequest, _ *storageapi.PurgeTrashResponse) error {
	return h.fault(h.tree.PurgeTrash(ctx, owner(ctx), in.GetId()))
}
