package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/owncloud/ocis-runtime/plugins/registry"
)

// What Send fails with, beside errors of the client's context and content.
var (
	ErrNotReady = errors.New("no instance is ready")
	ErrBroken   = errors.New("the connection broke before an answer came")
	ErrLate     = errors.New("no answer came in time")
)

// The pause before another attempt, for an address that refuses at once.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = 200 * time.Millisecond
)

// earlyAnswer is the most that is kept in memory of an answer that came before the client
// had sent everything.
const earlyAnswer = 64 << 10

// Forwarder sends requests to instances. It is safe for concurrent use.
type Forwarder struct {
	directory *registry.Directory
	patience  time.Duration
	turn      atomic.Uint32

	mu         sync.RWMutex
	transports map[target]*http.Transport // the sockets of a machine are few and stay
}

// NewForwarder returns a forwarder that finds instances in directory. For as long as
// patience a request waits for an instance to appear, or to be replaced after its
// connection broke.
func NewForwarder(directory *registry.Directory, patience time.Duration) *Forwarder {
	return &Forwarder{directory: directory, patience: patience, transports: make(map[target]*http.Transport)}
}

// Close closes the kept connections.
func (f *Forwarder) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, transport := range f.transports {
		transport.CloseIdleConnections()
	}
}

// Send sends out, with content, to an instance of service and returns its response, whose
// body the caller closes. The scheme and host of out.URL do not matter; out's header is
// the forwarder's to change. It blocks until the header of the response is there.
func (f *Forwarder) Send(ctx context.Context, out *http.Request, service string, content *Content) (*http.Response, error) {
	follow := &sending{content: content}
	defer follow.finish()
	out = out.WithContext(follow.follow(ctx))
	out.URL.Scheme, out.URL.Host = "http", service
	var firstFailure time.Time
	pause := firstPause
	for {
		address, err := f.pick(ctx, service, firstFailure)
		if err != nil {
			return nil, err
		}
		response, failure, err := f.attempt(out, address, content, follow)
		if err == nil {
			return response, nil
		}
		if firstFailure.IsZero() {
			firstFailure = time.Now()
		}
		failure.expired = time.Since(firstFailure) >= f.patience
		if !failure.again() {
			content.Interrupt()
			return nil, explain(service, failure, content, err)
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// pick returns the address of an instance, round robin. It waits for one to appear.
func (f *Forwarder) pick(ctx context.Context, service string, firstFailure time.Time) (string, error) {
	found := f.directory.Service(service)
	if found == nil {
		patience := f.patience
		if !firstFailure.IsZero() {
			patience -= time.Since(firstFailure)
		}
		waiting, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		var err error
		if found, err = f.directory.Wait(waiting, service); err != nil {
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			return "", fmt.Errorf("%s: %w", service, ErrNotReady)
		}
	}
	return found.Nodes[f.turn.Add(1)%uint32(len(found.Nodes))].Address, nil
}

// attempt sends once.
func (f *Forwarder) attempt(out *http.Request, address string, content *Content, follow *sending) (*http.Response, failure, error) {
	streaming := content.attach(out)
	follow.begin()
	response, err := f.transport(target{address: address, safe: isSafe(out.Method)}).RoundTrip(out)
	if err == nil {
		if streaming != nil && !content.atEnd() {
			err = holdAnswer(response)
			content.settle(streaming)
		}
		return response, failure{}, err
	}
	if streaming != nil {
		_ = streaming.Close() // it reads no more, whatever the transport still does
	}
	return nil, failure{
		method:     out.Method,
		sent:       follow.sent(),
		complete:   !content.streamed() && !follow.unread(err),
		canRepeat:  content.canRepeat(),
		clientGone: content.ClientError() != nil || out.Context().Err() != nil && !content.wasInterrupted(),
		late:       follow.sent() && isTimeout(err),
	}, err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// holdAnswer reads a short answer, before the connection that it comes over is closed
// because nobody wants the rest of the request.
func holdAnswer(response *http.Response) error {
	if response.ContentLength < 0 || response.ContentLength > earlyAnswer {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return fmt.Errorf("read an early answer: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func (f *Forwarder) transport(to target) *http.Transport {
	f.mu.RLock()
	transport := f.transports[to]
	f.mu.RUnlock()
	if transport != nil {
		return transport
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.transports[to] == nil {
		f.transports[to] = newTransport(to)
	}
	return f.transports[to]
}

// explain says why there will be no answer.
func explain(service string, failed failure, content *Content, err error) error {
	if problem := content.ClientError(); problem != nil {
		return fmt.Errorf("the client's content: %w", problem)
	}
	switch {
	case failed.clientGone:
		return err
	case failed.late:
		return fmt.Errorf("%s: %w: %w", service, ErrLate, err)
	case !failed.sent:
		return fmt.Errorf("%s: %w: %w", service, ErrNotReady, err)
	default:
		return fmt.Errorf("%s: %w: %w", service, ErrBroken, err)
	}
}
