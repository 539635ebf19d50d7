package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"github.com/owncloud/ocis-runtime/services/storage/internal/blobs"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// Uploads outlive the process. Their writers go on, and commit to the next one; those
// whose writers are gone, or that no writer ever got, it removes.

// lookAfterAdopted is how often the writers of adopted uploads are looked for: with the
// former process, the connections ended that would tell of their end.
const lookAfterAdopted = time.Second

// adopt takes over the uploads of former processes. It is called before any other begins.
func (t *Tree) adopt() error {
	ids, err := t.blobs.Noted()
	if err != nil {
		return err
	}
	adopted := 0
	for _, id := range ids {
		upload, err := t.former(id)
		if err != nil {
			return err
		}
		if upload == nil {
			if err := t.blobs.DropNote(id); err != nil {
				return fmt.Errorf("forget an upload: %w", err)
			}
			continue // its content, if any, is for sweep
		}
		t.uploads.byID[upload.ID] = upload
		adopted++
	}
	if adopted > 0 {
		t.options.Log.WithField("uploads", adopted).Info("uploads go on that began before the restart")
	}
	return nil
}

// former returns a former process's upload, nil: it is over.
func (t *Tree) former(id blobs.ID) (*Upload, error) {
	over, err := t.isOver(id)
	if err != nil || over {
		return nil, err
	}
	file, err := t.blobs.Reopen(id)
	if errors.Is(err, blobs.ErrAbandoned) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var known record.Upload
	text, err := t.blobs.ReadNote(id)
	if err == nil {
		known, err = record.DecodeUpload(text)
	}
	upload := newUpload(id, file, known.Owner, known.Request)
	if err == nil {
		upload.path, err = parse(known.Request.GetPath())
	}
	if err != nil {
		file.Close()
		t.options.Log.WithError(err).Errorf("what is known of the upload %s is damaged: it cannot go on", uuid.UUID(id))
		return nil, nil
	}
	upload.Limit, upload.adopted = known.Limit, true
	return upload, nil
}

// isOver tells whether an upload was committed.
func (t *Tree) isOver(id blobs.ID) (over bool, err error) {
	err = t.view(func(x *tx) error {
		answer, err := x.committed(id)
		over = answer != nil || x.bolt.Bucket(bucketBlobs).Get(id[:]) != nil
		return err
	})
	return over, err
}

// keepAdopted drops adopted uploads whose writers are gone, until none is left or ctx is
// done.
func (t *Tree) keepAdopted(ctx context.Context) {
	ticker := time.NewTicker(lookAfterAdopted)
	defer ticker.Stop()
	for t.dropAbandoned() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// dropAbandoned drops the adopted uploads whose writers are gone, and returns how many others
// there are.
func (t *Tree) dropAbandoned() (left int) {
	for _, upload := range t.uploads.open(func(u *Upload) bool { return u.adopted }) {
		if blobs.IsAbandoned(upload.File) {
			t.AbortUpload(upload.owner, upload.ID)
		} else {
			left++
		}
	}
	return left
}
