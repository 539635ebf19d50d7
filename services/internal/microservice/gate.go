package microservice

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"
	"go-micro.dev/v4/registry"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// drainingID tells refusals of a server that drains from all other errors.
const drainingID = "ocis.draining"

// Draining returns the answer to a call that was not begun because the process is about
// to end. A client of NewClient sends it again, for as long as the call may take.
func Draining() error {
	return microerrors.New(drainingID, "the service is being replaced", http.StatusServiceUnavailable)
}

// gate counts the calls that run, and closes. go-micro's gRPC server needs it: when it
// stops, it gives what runs a second and breaks it off.
type gate struct {
	mu      sync.Mutex
	closed  bool
	running int
	empty   chan struct{} // closed when the gate is, and nothing runs
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.running++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.closed && g.running == 0 {
		close(g.empty)
	}
}

// close refuses calls from now on, and waits for those that run until ctx is done. It is
// called once.
func (g *gate) close(ctx context.Context) {
	g.mu.Lock()
	g.closed = true
	if g.running == 0 {
		close(g.empty)
	}
	g.mu.Unlock()
	select {
	case <-g.empty:
	case <-ctx.Done():
	}
}

// intercept is a server's interceptor of all calls: to gRPC, go-micro's are streams.
func (g *gate) intercept(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if !g.enter() {
		return status.Error(codes.Unavailable, Draining().Error()) // as go-micro writes errors
	}
	defer g.leave()
	return handle(service, stream)
}

// The pause before a call that was refused is sent again.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = 200 * time.Millisecond
)

// sendAgain repeats calls that a server refused because it drains. They were not begun, so
// that is safe for every call.
func sendAgain(call client.CallFunc) client.CallFunc {
	return func(ctx context.Context, node *registry.Node, request client.Request, reply any, options client.CallOptions) error {
		for pause := firstPause; ; pause = min(2*pause, maxPause) {
			err := call(ctx, node, request, reply, options)
			var refusal *microerrors.Error
			if !errors.As(err, &refusal) || refusal.Id != drainingID {
				return err
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return err
			}
		}
	}
}
