package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/owncloud/ocis-runtime/services/internal/ration"
)

const (
	// holdBytes of a listing are kept before the client gets any of it: those of some
	// thousand files.
	holdBytes = 4 << 20
	// What fits into a socket is there, also when its sender is not any more.
	unheldBytes = 64 << 10
)

// hold reads a listing before the client gets any of it, since it can be asked for again
// until then, and not afterwards: unlike a download it need not be the same the next time.
// What is longer than holdBytes, or comes when others hold all that there is memory for,
// goes to the client as it comes. An error means that the answer is lost.
func (f *Forwarder) hold(response *http.Response) error {
	if !isListing(response) {
		return nil
	}
	bytesHeld := int64(holdBytes)
	if response.ContentLength >= 0 {
		bytesHeld = min(bytesHeld, response.ContentLength)
	}
	share, ok := f.held.TryTake(uint64(bytesHeld))
	if !ok {
		return nil
	}
	held := &heldAnswer{body: response.Body, share: share}
	held.beginning.Grow(int(bytesHeld) + bytes.MinRead) // so that it never grows, which takes more
	if _, err := held.beginning.ReadFrom(io.LimitReader(response.Body, bytesHeld)); err != nil {
		held.Close()
		return fmt.Errorf("read an answer: %w", err)
	}
	response.Body = held
	return nil
}

// isListing tells whether an answer is a long one that can be asked for again, but not
// taken up where it broke.
func isListing(response *http.Response) bool {
	long := response.ContentLength < 0 || response.ContentLength > unheldBytes
	switch response.Request.Method {
	case "PROPFIND", "REPORT":
		return long
	}
	return false
}

// heldAnswer is the body of an answer whose beginning is in memory.
type heldAnswer struct {
	beginning bytes.Buffer
	share     *ration.Share // of the memory of the beginning
	body      io.ReadCloser // the rest
}

// Read implements io.Reader.
func (h *heldAnswer) Read(p []byte) (int, error) {
	if h.beginning.Len() > 0 {
		return h.beginning.Read(p)
	}
	h.letGo()
	return h.body.Read(p)
}

func (h *heldAnswer) letGo() {
	h.beginning = bytes.Buffer{}
	h.share.Return()
}

// Close implements io.Closer.
func (h *heldAnswer) Close() error {
	h.letGo()
	return h.body.Close()
}
