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

	microregistry "go-micro.dev/v4/registry"

	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/ration"
)

// What Send fails with, beside errors of the client's context and content.
var (
	ErrNotReady = errors.New("no instance is ready")
	ErrStopped  = errors.New("the service was stopped, or has failed")
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
	held      *ration.Larder // for the beginnings of listings

	mu    sync.RWMutex
	lines map[target]line // the sockets of a machine are few and stay
}

// line are the kept connections to a target.
type line struct {
	*http.Transport
	processes string // that served the target when it was made
}

// NewForwarder returns a forwarder that finds instances in directory. For as long as
// patience a request waits for an instance to appear, or to be replaced after its
// connection broke; not for that of a service that was stopped.
func NewForwarder(directory *registry.Directory, patience time.Duration) *Forwarder {
	return &Forwarder{directory: directory, patience: patience, held: ration.HalfOfMemory(), lines: make(map[target]line)}
}

// Close closes the kept connections.
func (f *Forwarder) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.lines {
		line.CloseIdleConnections()
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
	broken, pause := 0, firstPause
	for {
		to, err := f.pick(ctx, service, firstFailure)
		if err != nil {
			return nil, err
		}
		response, failure, err := f.attempt(out, to, content, follow)
		if err == nil {
			return response, nil
		}
		if firstFailure.IsZero() {
			firstFailure = time.Now()
		}
		if failure.begun() {
			broken++
		}
		failure.broken = broken
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

// place is where a request goes.
type place struct {
	address   string
	processes string // that serve there
}

// pick returns the place of an instance, round robin. It waits for one to appear.
func (f *Forwarder) pick(ctx context.Context, service string, firstFailure time.Time) (place, error) {
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
				return place{}, context.Cause(ctx)
			}
			if errors.Is(err, registry.ErrStopped) {
				return place{}, fmt.Errorf("%s: %w", service, ErrStopped)
			}
			return place{}, fmt.Errorf("%s: %w", service, ErrNotReady)
		}
	}
	address := found.Nodes[f.turn.Add(1)%uint32(len(found.Nodes))].Address
	return place{address: address, processes: processesAt(address, found.Nodes)}, nil
}

// processesAt names the processes that share an address.
func processesAt(address string, nodes []*microregistry.Node) string {
	var names string
	for _, node := range nodes {
		if node.Address == address {
			names += node.Metadata[registry.Incarnation]
		}
	}
	return names
}

// attempt sends once.
func (f *Forwarder) attempt(out *http.Request, to place, content *Content, follow *sending) (*http.Response, failure, error) {
	streaming := content.attach(out)
	follow.begin()
	response, err := f.line(target{address: to.address, safe: isSafe(out.Method)}, to.processes).RoundTrip(out)
	answered := err == nil
	if answered && streaming != nil {
		if !content.atEnd() {
			err = holdAnswer(response)
			content.settle(streaming)
		}
		return response, failure{}, err
	}
	if answered {
		err = f.hold(response)
	}
	if err == nil {
		return response, failure{}, nil
	}
	if streaming != nil {
		_ = streaming.Close() // it reads no more, whatever the transport still does
	}
	return nil, failure{
		method:     out.Method,
		sent:       follow.sent(),
		complete:   answered || !content.streamed() && !follow.unread(err),
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

// line returns the connections to a target. When one of the processes there was replaced,
// the connections from before are closed, each as soon as no request uses it: the end
// that sends requests can close them without losing any.
func (f *Forwarder) line(to target, processes string) line {
	f.mu.RLock()
	found := f.lines[to]
	f.mu.RUnlock()
	if found.Transport != nil && found.processes == processes {
		return found
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	found = f.lines[to]
	if found.Transport != nil && found.processes == processes {
		return found
	}
	if found.Transport != nil {
		found.CloseIdleConnections()
	}
	f.lines[to] = line{Transport: newTransport(to), processes: processes}
	return f.lines[to]
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
