package webdav

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// inlineLimit is up to which size content travels in the gRPC calls; larger content is
// handed over as a descriptor.
const inlineLimit = 256 << 10

func get(w http.ResponseWriter, r *request) error {
	if r.wantsPreview() {
		return preview(w, r)
	}
	conditions, err := r.ifHeader()
	if err != nil {
		return err
	}
	found, err := read(r, func(ctx context.Context) (opened, error) { return r.open(ctx, conditions) })
	if err != nil {
		return err
	}
	if found.file != nil {
		defer found.file.Close()
	}
	if found.entry.GetType() == storageapi.Type_TYPE_DIRECTORY {
		return errFolder
	}
	serve(w, r, found.entry, found.content)
	return nil
}

// content is that of a file, to be read from anywhere.
type content interface {
	io.ReadSeeker
	io.ReaderAt
}

// opened is a resource with its content, unless it is a folder.
type opened struct {
	entry   *storageapi.Entry
	content content
	file    *os.File // what content is, when it was handed over; to be closed
}

func (r *request) open(ctx context.Context, conditions *storageapi.Conditions) (opened, error) {
	answer, err := r.handler.storage.Open(ctx, &storageapi.OpenRequest{Path: r.path, InlineLimit: inlineLimit, Conditions: conditions})
	if err != nil {
		return opened{}, err
	}
	found := opened{entry: answer.Entry, content: bytes.NewReader(answer.Content)}
	if answer.IsInline || answer.Entry.GetType() == storageapi.Type_TYPE_DIRECTORY {
		return found, nil
	}
	if found.file, err = r.handler.content.Fetch(ctx, answer.Ticket); err != nil {
		return opened{}, fmt.Errorf("%w: %w", errContentAway, err)
	}
	found.content = found.file
	return found, nil
}

var errFolder = &davError{status: http.StatusMethodNotAllowed, message: "this is a folder: use a WebDAV client to look into it"}

func head(w http.ResponseWriter, r *request) error {
	if r.wantsPreview() {
		return preview(w, r)
	}
	conditions, err := r.ifHeader()
	if err != nil {
		return err
	}
	entry, err := r.stat(conditions)
	if err != nil {
		return err
	}
	if entry.Type == storageapi.Type_TYPE_DIRECTORY {
		return errFolder
	}
	// Of the content only the length is asked for.
	serve(w, r, entry, io.NewSectionReader(nil, 0, int64(entry.Size)))
	return nil
}

// stat describes what the request is about.
func (r *request) stat(conditions *storageapi.Conditions) (*storageapi.Entry, error) {
	return read(r, func(ctx context.Context) (*storageapi.Entry, error) {
		return r.handler.storage.Stat(ctx, &storageapi.StatRequest{Path: r.path, Conditions: conditions})
	})
}

// serve answers with content, or the part or the 304 that the request asks for.
func serve(w http.ResponseWriter, r *request, entry *storageapi.Entry, content io.ReadSeeker) {
	name := path.Base(entry.Path)
	header := w.Header()
	describe(header, entry)
	header.Set("Content-Type", contentType(name))
	header.Set("X-Content-Type-Options", "nosniff")
	// What users upload must not run as a page of this site.
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	if sums := checksums(entry.Checksums); sums != "" {
		first, _, _ := strings.Cut(sums, " ")
		header.Set("OC-Checksum", first)
	}
	if ranges := r.Header.Get("Range"); ranges != "" {
		r.Header.Set("Range", normalRange(ranges, entry.Size))
	}
	http.ServeContent(w, r.Request, "", time.Unix(0, entry.MtimeUnixNano), content)
}

// contentType is guessed from the name; content is never looked at.
func contentType(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
