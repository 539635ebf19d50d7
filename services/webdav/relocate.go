package webdav

import (
	"context"
	"net/http"
	"strings"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func makeCollection(w http.ResponseWriter, r *request) error {
	if r.ContentLength != 0 {
		return &davError{status: http.StatusUnsupportedMediaType, message: "MKCOL takes no body"}
	}
	conditions, err := r.conditions()
	if err != nil {
		return err
	}
	ctx, cancel := r.change()
	defer cancel()
	made, err := r.handler.storage.MakeDirectory(ctx, &storageapi.MakeDirectoryRequest{Path: r.path, Conditions: conditions})
	if err != nil {
		return err
	}
	describe(w.Header(), made.Entry)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func remove(w http.ResponseWriter, r *request) error {
	if err := r.wholeFolder("deleted"); err != nil {
		return err
	}
	conditions, err := r.conditions()
	if err != nil {
		return err
	}
	ctx, cancel := r.change()
	defer cancel()
	if _, err := r.handler.storage.Delete(ctx, &storageapi.DeleteRequest{Path: r.path, Conditions: conditions}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// wholeFolder refuses what would act on a part of a folder (RFC 4918, sections 9.6.1 and
// 9.9.2), whether its address ends in a slash or not.
func (r *request) wholeFolder(what string) error {
	if depth := r.Header.Get("Depth"); depth == "" || strings.EqualFold(depth, "infinity") {
		return nil
	}
	entry, err := read(r, func(ctx context.Context) (*storageapi.Entry, error) {
		return r.handler.storage.Stat(ctx, &storageapi.StatRequest{Path: r.path})
	})
	if err != nil {
		return err
	}
	if entry.Type != storageapi.Type_TYPE_DIRECTORY {
		return nil
	}
	return &davError{status: http.StatusBadRequest, message: "a folder is " + what + " with all that is in it: Depth is infinity"}
}

// relocation is what COPY and MOVE have in common.
type relocation struct {
	destination string
	overwrite   bool
	conditions  *storageapi.Conditions
}

func (r *request) relocation() (relocation, error) {
	destination, err := r.destination()
	if err != nil {
		return relocation{}, err
	}
	overwrite := true
	switch r.Header.Get("Overwrite") {
	case "", "T", "t":
	case "F", "f":
		overwrite = false
	default:
		return relocation{}, &davError{status: http.StatusBadRequest, message: "Overwrite is T or F"}
	}
	conditions, err := r.conditions()
	return relocation{destination: destination, overwrite: overwrite, conditions: conditions}, err
}

func copyResource(w http.ResponseWriter, r *request) error {
	to, err := r.relocation()
	if err != nil {
		return err
	}
	depth := r.Header.Get("Depth")
	if depth != "" && depth != "0" && !strings.EqualFold(depth, "infinity") {
		return &davError{status: http.StatusBadRequest, message: "Depth is 0 or infinity"}
	}
	return r.relocate(w, func(ctx context.Context) (*storageapi.WriteResponse, error) {
		return r.handler.storage.Copy(ctx, &storageapi.CopyRequest{
			Source: r.path, Destination: to.destination, Overwrite: to.overwrite, Shallow: depth == "0", Conditions: to.conditions,
		})
	})
}

func moveResource(w http.ResponseWriter, r *request) error {
	to, err := r.relocation()
	if err != nil {
		return err
	}
	if err := r.wholeFolder("moved"); err != nil {
		return err
	}
	return r.relocate(w, func(ctx context.Context) (*storageapi.WriteResponse, error) {
		return r.handler.storage.Move(ctx, &storageapi.MoveRequest{
			Source: r.path, Destination: to.destination, Overwrite: to.overwrite, Conditions: to.conditions,
		})
	})
}

func (r *request) relocate(w http.ResponseWriter, do func(context.Context) (*storageapi.WriteResponse, error)) error {
	ctx, cancel := r.change()
	defer cancel()
	response, err := do(ctx)
	if err != nil {
		return err
	}
	describe(w.Header(), response.Entry)
	w.WriteHeader(written(response.Created))
	return nil
}
