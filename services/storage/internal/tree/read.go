package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// readAttempts bounds how often Open starts again when the content that it was about
// to open has just been replaced and removed.
const readAttempts = 10

// find is read for an existing path whose conditions hold.
func (t *Tree) find(ctx context.Context, owner, text string, c *storageapi.Conditions, f func(x *tx, at *place) error) error {
	path, err := parse(text)
	if err != nil {
		return err
	}
	return t.read(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.holds(&at, c); err != nil {
			return err
		}
		if !at.found {
			return errNotFound(path)
		}
		return f(x, &at)
	})
}

// Stat returns the metadata of one entry.
func (t *Tree) Stat(ctx context.Context, owner string, request *storageapi.StatRequest) (*storageapi.Entry, error) {
	var entry *storageapi.Entry
	err := t.find(ctx, owner, request.GetPath(), request.GetConditions(), func(x *tx, at *place) (err error) {
		entry, err = x.show(at.root().entry.ID, at.path, &at.last().entry)
		return err
	})
	return entry, err
}

// Opened is a file's metadata and its content as of one moment.
type Opened struct {
	Entry   *storageapi.Entry
	Content []byte   // when File is nil
	File    *os.File // the caller closes it
}

// Open opens a file. Content of up to inline_limit bytes is returned in memory, and so
// is what is kept in the database.
func (t *Tree) Open(ctx context.Context, owner string, request *storageapi.OpenRequest) (*Opened, error) {
	for attempt := 1; ; attempt++ {
		opened, err := t.open(ctx, owner, request)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && attempt < readAttempts {
				continue
			}
			return nil, err
		}
		if size := opened.Entry.GetSize(); opened.File != nil && size <= request.GetInlineLimit() {
			defer opened.File.Close()
			content := make([]byte, size)
			if _, err := io.ReadFull(opened.File, content); err != nil {
				return nil, fmt.Errorf("read the content of %s: %w", opened.Entry.GetId(), err)
			}
			opened.Content, opened.File = content, nil
		}
		return opened, nil
	}
}

func (t *Tree) open(ctx context.Context, owner string, request *storageapi.OpenRequest) (*Opened, error) {
	opened := &Opened{}
	err := t.find(ctx, owner, request.GetPath(), request.GetConditions(), func(x *tx, at *place) (err error) {
		entry := &at.last().entry
		if entry.Directory {
			return refuse(http.StatusMethodNotAllowed, "%s is a folder", at.path)
		}
		if opened.Entry, err = x.show(at.root().entry.ID, at.path, entry); err != nil || entry.Blob == (blobs.ID{}) {
			return err
		}
		if entry.Size <= maxInline {
			inline, err := x.inline(entry.Blob)
			if opened.Content = clone(inline); err != nil || inline != nil {
				return err
			}
		}
		if opened.File, err = t.openWhole(entry); err != nil {
			return fmt.Errorf("open the content of %s: %w", opened.Entry.GetId(), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// openWhole opens a file's blob. Where the disk or a hand has damaged it, its length is
// what shows: who gets a part of a file as the whole would keep it, and sync it back.
func (t *Tree) openWhole(e *record.Entry) (*os.File, error) {
	file, err := t.blobs.Read(e.Blob)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && uint64(info.Size()) != e.Size {
		err = fmt.Errorf("%s is damaged: it has %d bytes, not %d; restore it from a backup", file.Name(), info.Size(), e.Size)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
