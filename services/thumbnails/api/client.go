package thumbnailsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// Service is the name of the service in the registry.
const Service = "thumbnails"

const (
	// patience bounds one question, with all its repetitions: a picture that ends the process
	// twice is waited for, and so is each replacement. It is less than the proxy waits.
	patience = 45 * time.Second
	// maxAttempts bounds how often one question is sent. A picture ends two processes at most,
	// the others are for what other people's pictures do meanwhile.
	maxAttempts = 8
	// The pause before a question is sent again.
	firstPause = 5 * time.Millisecond
	maxPause   = 500 * time.Millisecond

	dialTimeout = 5 * time.Second
	idleFor     = 90 * time.Second
	maxIdle     = 32
	// maxPreview bounds what is taken for a preview: MaxSide squared, without any compression.
	maxPreview = 4*MaxSide*MaxSide + 1<<20
	maxReason  = 512
)

// ErrAway means that nobody answered within patience, or that the service was stopped.
var ErrAway = errors.New("the thumbnails service does not answer")

// Refusal is the service's answer when it has no preview.
type Refusal struct {
	// Status is 404: it has none yet and needs the content; 413, 415: it makes none of such
	// content; 422: it makes none of this picture, and will not try again; 503: not now.
	Status int
	Reason string // for people
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// Preview is a picture.
type Preview struct {
	ContentType string // image/jpeg or image/png
	Content     []byte
}

// Client asks the service. It is safe for concurrent use.
//
// What it asks changes nothing for anybody, so it repeats a question when the process that
// was to answer it ended.
type Client struct {
	directory *registry.Directory
	transport *http.Transport
	turn      atomic.Uint32
}

// NewClient returns a client that finds the service in directory.
func NewClient(directory *registry.Directory) *Client {
	c := &Client{directory: directory}
	c.transport = &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     idleFor,
	}
	return c
}

// Close closes the kept connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Cached returns a preview that was made before; else a Refusal. signed is the internal
// token of whoever asks. It blocks until ctx is done, at most for patience.
func (c *Client) Cached(ctx context.Context, signed string, key Key, mode Mode) (Preview, error) {
	return c.ask(ctx, signed, key, mode, nil, 0)
}

// Make is Cached with the picture's content, of which a preview is made.
func (c *Client) Make(ctx context.Context, signed string, key Key, mode Mode, content io.ReaderAt, size int64) (Preview, error) {
	return c.ask(ctx, signed, key, mode, content, size)
}

func (c *Client) ask(ctx context.Context, signed string, key Key, mode Mode, content io.ReaderAt, size int64) (Preview, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	address := "http://" + Service + PreviewPath + string(key) + "?" + mode.Query()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		request, err := newRequest(ctx, address, content, size)
		if err != nil {
			return Preview{}, fmt.Errorf("ask for a preview: %w", err)
		}
		request.Header.Set(token.Header, signed)
		preview, err := c.send(request)
		var refusal *Refusal
		switch {
		case err == nil, errors.As(err, &refusal):
			return preview, err
		case errors.Is(err, registry.ErrStopped), attempt == maxAttempts, ctx.Err() != nil:
			return Preview{}, fmt.Errorf("%w: %w", ErrAway, err)
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		case <-ctx.Done():
		}
	}
}

// newRequest makes a request anew for each attempt: net/http may still read the content for
// the last one.
func newRequest(ctx context.Context, address string, content io.ReaderAt, size int64) (*http.Request, error) {
	if content == nil {
		return http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, io.NewSectionReader(content, 0, size))
	if err != nil {
		return nil, err
	}
	request.ContentLength = size
	if size == 0 { // with a body it would mean that the length is not known
		request.Body = http.NoBody
	}
	return request, nil
}

func (c *Client) send(request *http.Request) (Preview, error) {
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return Preview{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		reason, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
		if err != nil {
			return Preview{}, err
		}
		return Preview{}, &Refusal{Status: response.StatusCode, Reason: strings.TrimSpace(string(reason))}
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxPreview+1))
	if err != nil {
		return Preview{}, err
	}
	preview := Preview{ContentType: contentType(content), Content: content}
	// Who decodes what strangers sent may be in their hands: nothing else gets out this way.
	if preview.ContentType == "" || len(content) > maxPreview {
		return Preview{}, &Refusal{Status: http.StatusInternalServerError, Reason: "the thumbnails service answered with something else than a preview"}
	}
	return preview, nil
}

// contentType returns the media type of a preview, or "" of anything else.
func contentType(content []byte) string {
	switch KindOf(content) {
	case JPEG:
		return "image/jpeg"
	case PNG:
		return "image/png"
	}
	return ""
}

// dial connects to an instance. It waits for one to appear.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	found, err := c.directory.Wait(ctx, Service)
	if err != nil {
		return nil, err
	}
	network, address := "tcp", found.Nodes[c.turn.Add(1)%uint32(len(found.Nodes))].Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	return dialer.DialContext(ctx, network, address)
}
