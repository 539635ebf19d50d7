package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxResumes bounds how often one download is taken up again.
const maxResumes = 3

// errOther means that the replacement has something else to send.
var errOther = errors.New("the rest cannot be had: the content is another one now")

// Resume lets a download survive the instance that sends it: when its body breaks, the rest
// is asked for from the replacement, under the condition that it is still the same content
// (RFC 9110 sections 13.1.1 and 14.2). again makes the request anew. Responses of which that
// cannot be known stay as they are.
func (f *Forwarder) Resume(ctx context.Context, response *http.Response, service string, content *Content, again func() (*http.Request, error)) {
	from, to, ok := extent(response)
	etag := response.Header.Get("ETag")
	if !ok || !strings.HasPrefix(etag, `"`) || content.size != 0 {
		return
	}
	response.Body = &download{
		body: response.Body, etag: etag, next: from, end: to,
		rest: func(header http.Header) (*http.Response, error) {
			out, err := again()
			if err != nil {
				return nil, err
			}
			for name, values := range header {
				out.Header[name] = values
			}
			return f.Send(ctx, out, service, content)
		},
	}
}

// extent returns which bytes of a content a response to GET carries.
func extent(response *http.Response) (from, to int64, ok bool) {
	switch {
	case response.Request == nil || response.Request.Method != http.MethodGet || response.ContentLength <= 0:
		return 0, 0, false
	case response.StatusCode == http.StatusOK:
		return 0, response.ContentLength, true
	case response.StatusCode != http.StatusPartialContent:
		return 0, 0, false
	}
	var last int64
	if _, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-%d/", &from, &last); err != nil {
		return 0, 0, false // such as one of several ranges
	}
	return from, last + 1, last+1-from == response.ContentLength
}

// download is a body that is taken up again where it broke.
type download struct {
	body      io.ReadCloser
	etag      string
	next, end int64 // the position of the next byte, and that after the last
	resumes   int
	rest      func(http.Header) (*http.Response, error)
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.next += int64(n)
		switch {
		case d.next == d.end:
			return n, io.EOF
		case err == nil, n > 0: // an error comes again
			return n, nil
		}
		if d.resumes == maxResumes {
			return 0, err
		}
		d.resumes++
		if failed := d.resume(); failed != nil {
			return 0, errors.Join(err, failed)
		}
	}
}

func (d *download) resume() error {
	response, err := d.rest(http.Header{
		"Range":    {fmt.Sprintf("bytes=%d-%d", d.next, d.end-1)},
		"If-Match": {d.etag},
		// What the client wanted to know before the first answer is answered.
		"If-Range": nil, "If-None-Match": nil, "If-Modified-Since": nil, "If-Unmodified-Since": nil,
	})
	if err != nil {
		return err
	}
	from, to, ok := extent(response)
	if !ok || from != d.next || to != d.end || response.Header.Get("ETag") != d.etag {
		return errors.Join(errOther, response.Body.Close())
	}
	d.body.Close() // it is broken, so that its error says nothing new
	d.body = response.Body
	return nil
}

// Close implements io.Closer.
func (d *download) Close() error { return d.body.Close() }
