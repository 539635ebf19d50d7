package thumbnails

import (
	"context"
	"crypto/sha1" //nolint:gosec // see thumbnailsapi.Key
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	thumbnailsapi "github.com/owncloud/ocis-runtime/services/thumbnails/api"
	"github.com/owncloud/ocis-runtime/services/thumbnails/internal/picture"
)

// maxIncoming bounds how many pictures are here at the same time, and with
// thumbnailsapi.MaxContent the room on disk that they take.
const maxIncoming = 8

// intake takes pictures in, into files without a name: a process that ends leaves none.
type intake struct {
	folder string
	places chan struct{}
}

func newIntake(folder string) (*intake, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	// Who ended between giving a name and taking it away has left one.
	left, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("look for pictures that were left: %w", err)
	}
	for _, file := range left {
		if err := unlink(filepath.Join(folder, file.Name())); err != nil {
			return nil, err
		}
	}
	return &intake{folder: folder, places: make(chan struct{}, maxIncoming)}, nil
}

// unlink takes the name from a file, unless another process has done so.
func unlink(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take the name of a picture: %w", err)
	}
	return nil
}

// taken is a picture that was taken in.
type taken struct {
	file  *os.File
	size  int64
	leave func()
}

var (
	errTooMuch  = &thumbnailsapi.Refusal{Status: http.StatusRequestEntityTooLarge, Reason: "this file is too large for a preview"}
	errContent  = &thumbnailsapi.Refusal{Status: http.StatusBadRequest, Reason: "the content is not the one that it was said to be"}
	errNotNow   = &thumbnailsapi.Refusal{Status: http.StatusServiceUnavailable, Reason: "too many previews are being made: try again"}
	errHangedUp = &thumbnailsapi.Refusal{Status: http.StatusBadRequest, Reason: "the content did not come as announced"}
)

// late is errNotNow when the wait for something took too long, else err.
func late(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errNotNow
	}
	return err
}

// take waits for a place, reads content, and compares it with its key.
func (i *intake) take(ctx context.Context, key thumbnailsapi.Key, content io.Reader, size int64) (*taken, error) {
	if size < 0 || size > thumbnailsapi.MaxContent {
		return nil, errTooMuch
	}
	select {
	case i.places <- struct{}{}:
	case <-ctx.Done():
		return nil, errNotNow
	}
	leave := func() { <-i.places }
	file, err := os.CreateTemp(i.folder, "picture-")
	if err != nil {
		leave()
		return nil, fmt.Errorf("make a file for a picture: %w", err)
	}
	t := &taken{file: file, size: size, leave: leave}
	if err := errors.Join(unlink(file.Name()), t.fill(key, content)); err != nil {
		t.release()
		return nil, err
	}
	return t, nil
}

func (t *taken) fill(key thumbnailsapi.Key, content io.Reader) error {
	sum := sha1.New()
	_, err := io.CopyN(io.MultiWriter(t.file, sum), content, t.size)
	var disk *os.PathError
	switch {
	case errors.As(err, &disk):
		return fmt.Errorf("take a picture in: %w", err)
	case err != nil:
		return errHangedUp
	}
	if got, _ := thumbnailsapi.KeyOf(sum.Sum(nil)); got != key {
		return errContent
	}
	return nil
}

// kind looks at the content.
func (t *taken) kind() (thumbnailsapi.Kind, error) {
	head := make([]byte, thumbnailsapi.HeadBytes)
	n, err := t.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("look at a picture: %w", err)
	}
	return thumbnailsapi.KindOf(head[:n]), nil
}

func (t *taken) source() picture.Source { return picture.Source{ReaderAt: t.file, Size: t.size} }

// release gives the place and the room back.
func (t *taken) release() {
	t.file.Close() // nothing that is in it is needed
	t.leave()
}
