package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// smallContent is read before an instance is bothered, so that a slow client
	// occupies none, and so that it can be sent again.
	smallContent = 64 << 10
	// What is taken from a client that goes on sending although the answer is there.
	// Many clients read the answer only after they have sent everything.
	drainBytes = 256 << 20
	drainFor   = 10 * time.Second
)

// errTaken ends reading by an attempt that is over.
var errTaken = errors.New("the request is over")

// Content is a request's body on its way.
type Content struct {
	stall   time.Duration
	size    int64  // -1: unknown
	small   []byte // all of it, when it is small
	source  io.Reader
	pace    *http.ResponseController
	http1   bool // the connection carries one request at a time
	expects bool // the client waits for "100 Continue", which reading sends

	mu          sync.Mutex
	taken       bool  // reading source has begun
	interrupted bool  // nobody may read any more
	received    int64 // bytes read
	end         error // of source: io.EOF, or what the client did wrong
}

// NewContent takes over the body of r; w is what its response is written to. The client
// must keep moving: a read ends after stall without a byte.
func NewContent(w http.ResponseWriter, r *http.Request, stall time.Duration) *Content {
	c := &Content{
		stall:   stall,
		size:    r.ContentLength,
		source:  r.Body,
		pace:    http.NewResponseController(w),
		http1:   r.ProtoMajor == 1,
		expects: r.Header.Get("Expect") != "",
	}
	if c.size == 0 || r.Body == http.NoBody {
		c.size, c.end = 0, io.EOF
	} else if c.http1 {
		// The server reads what is left of the body before it sends an early response.
		c.setDeadline(time.Now().Add(c.stall))
	}
	return c
}

// Prepare reads small content. Its error is the client's fault.
func (c *Content) Prepare() error {
	if c.size <= 0 || c.size > smallContent {
		return nil
	}
	c.small = make([]byte, c.size)
	if _, err := io.ReadFull(reader{content: c}, c.small); err != nil {
		return fmt.Errorf("read the request's content: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(io.EOF)
	return nil
}

// Received returns how many bytes came so far.
func (c *Content) Received() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received
}

// IsLong tells whether the content may take long to come.
func (c *Content) IsLong() bool { return c.streamed() }

// ClientError returns what was wrong with the content as the client sent it, or nil.
func (c *Content) ClientError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == io.EOF {
		return nil
	}
	return c.end
}

// streamed tells whether content goes on while it comes.
func (c *Content) streamed() bool { return c.size != 0 && c.small == nil }

// canRepeat tells whether all content is still there for another attempt.
func (c *Content) canRepeat() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.streamed() || !c.taken
}

// attach gives the content to an attempt.
func (c *Content) attach(out *http.Request) *attempt {
	out.ContentLength = c.size
	switch {
	case c.size == 0:
		out.Body, out.GetBody = nil, nil
		return nil
	case c.small != nil:
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.small)), nil }
		out.Body, _ = out.GetBody()
		return nil
	}
	// The instance says that it is alive, and willing, before content is taken from the
	// client: until then the request can go to another one.
	out.Header["Expect"] = []string{"100-continue"}
	a := &attempt{content: c, over: make(chan struct{})}
	out.Body = a
	return a
}

// settle takes what the client still sends after the answer came early, within limits.
// Afterwards nobody reads the content.
func (c *Content) settle(a *attempt) {
	if !c.http1 || !c.sending() {
		return // HTTP/2 says so to the client (RFC 9113 section 8.1), the others wait
	}
	until := time.Now().Add(drainFor)
	deadline := time.NewTimer(drainFor)
	defer deadline.Stop()
	select {
	case <-a.over:
		_, _ = io.CopyN(io.Discard, reader{content: c, until: until}, drainBytes)
	case <-deadline.C:
	}
	c.Interrupt()
}

// sending tells whether the client has more content on the way.
func (c *Content) sending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end == nil && (c.taken || !c.expects)
}

func (c *Content) atEnd() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end != nil
}

// Interrupt ends reading, also a read that waits for the client. The connection cannot be
// used for another request then, unless all content has come.
func (c *Content) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil && !c.interrupted {
		c.interrupted = true
		c.setDeadline(time.Unix(1, 0))
	}
}

// wasInterrupted tells whether Interrupt ended a read: net/http then ends the request's
// context as if the client had gone.
func (c *Content) wasInterrupted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.interrupted
}

// breakOff interrupts, unless another attempt may still read from the beginning.
func (c *Content) breakOff() {
	c.mu.Lock()
	taken := c.taken
	c.mu.Unlock()
	if taken {
		c.Interrupt()
	}
}

// setDeadline sets when reading from the client ends. Not every ResponseWriter of a test
// supports it, all of the server's do.
func (c *Content) setDeadline(at time.Time) { _ = c.pace.SetReadDeadline(at) }

// finish notes the end of source. The caller holds the lock.
func (c *Content) finish(err error) {
	if c.end != nil {
		return
	}
	c.end = err
	if err == io.EOF || !c.http1 {
		// The server now watches an HTTP/1 connection for its end: not with our deadline.
		// After an error the deadline stays, for what the server reads before it closes.
		c.setDeadline(time.Time{})
	}
}

// reader reads from the client, who must not stall.
type reader struct {
	content *Content
	until   time.Time // zero: as long as it moves
}

func (r reader) Read(p []byte) (int, error) {
	c := r.content
	if err := r.begin(); err != nil {
		return 0, err
	}
	n, err := c.source.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received += int64(n)
	switch {
	case err != nil && c.interrupted:
		return n, errTaken // by our deadline, not by the client's fault
	case err != nil:
		c.finish(err)
	case !c.http1 && !c.interrupted:
		// The deadline of an HTTP/2 stream would also hit while nobody reads.
		c.setDeadline(time.Time{})
	}
	return n, err
}

func (r reader) begin() error {
	c := r.content
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		return c.end
	}
	if c.interrupted {
		return errTaken
	}
	deadline := time.Now().Add(c.stall)
	if !c.taken && c.http1 && c.expects {
		_ = c.pace.SetWriteDeadline(WriteDeadline(c.stall)) // the first read sends "100 Continue"
	}
	c.taken = true
	if !r.until.IsZero() && r.until.Before(deadline) {
		deadline = r.until
	}
	c.setDeadline(deadline)
	return nil
}

// attempt is streamed content as one attempt reads it. The transport reads it until it
// closes it, possibly after the response has come.
type attempt struct {
	content *Content
	once    sync.Once
	over    chan struct{}
}

func (a *attempt) Read(p []byte) (int, error) {
	select {
	case <-a.over:
		return 0, errTaken
	default:
		return reader{content: a.content}.Read(p)
	}
}

// Close implements io.Closer. It leaves the client's connection as it is.
func (a *attempt) Close() error {
	a.once.Do(func() { close(a.over) })
	return nil
}
