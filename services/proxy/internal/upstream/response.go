package upstream

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// copyBytes is how much of a response is in memory at once: some TLS records of 16 KiB.
const copyBytes = 64 << 10

var buffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// WriteDeadline returns when a write that begins now must have ended, for a client that
// must take something every stall. It is twice as long, since the server may first wait
// for one stall for the rest of a request that is answered early. To miss it must mean
// the end of the connection: a TLS connection cannot be used after it.
func WriteDeadline(stall time.Duration) time.Time { return time.Now().Add(2 * stall) }

// RenewDeadline gives an HTTP/1 client its time to take an answer that begins now: its
// request may have taken any time. An HTTP/2 stream has a deadline only while it is
// written to. Not every ResponseWriter of a test knows deadlines.
func RenewDeadline(w http.ResponseWriter, r *http.Request, stall time.Duration) {
	if r.ProtoMajor == 1 {
		_ = http.NewResponseController(w).SetWriteDeadline(WriteDeadline(stall))
	}
}

// errClient marks errors of the client's side of the copy.
var errClient = errors.New("the client is gone or does not read")

// Deliver writes response to the client, who must take something every stall, and returns
// the bytes of its body that were written. An error means that the client got less than all: the caller must break the
// connection, so that half an answer never looks whole.
func Deliver(w http.ResponseWriter, r *http.Request, response *http.Response, stall time.Duration) (int64, error) {
	defer response.Body.Close()
	CopyEndToEnd(w.Header(), response.Header)
	RenewDeadline(w, r, stall) // also for an answer without a body
	w.WriteHeader(response.StatusCode)
	if r.Method == http.MethodHead || response.ContentLength == 0 {
		return 0, nil
	}
	pace := http.NewResponseController(w)
	buffer := buffers.Get().(*[copyBytes]byte)
	defer buffers.Put(buffer)
	var written int64
	for {
		n, err := response.Body.Read(buffer[:])
		if n > 0 {
			// Set only while writing, since an HTTP/2 stream's deadline would also hit
			// while the instance takes its time. Some tests' writers know no deadline.
			_ = pace.SetWriteDeadline(WriteDeadline(stall))
			m, err := w.Write(buffer[:n])
			written += int64(m)
			if err != nil {
				return written, errors.Join(errClient, err)
			}
			if r.ProtoMajor != 1 {
				_ = pace.SetWriteDeadline(time.Time{})
			}
		}
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}
