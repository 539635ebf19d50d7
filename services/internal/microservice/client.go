package microservice

import (
	"context"
	"net/http"
	"time"

	grpcclient "github.com/go-micro/plugins/v4/client/grpc"
	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/owncloud/ocis-runtime/plugins/registry"
)

const (
	callTimeout = 30 * time.Second
	// Connections are multiplexed, and a socket outlives many children, so there is
	// no reason to renew them.
	poolTTL     = 24 * time.Hour
	poolSize    = 32
	poolStreams = 100
)

// reconnect is how a broken connection is made anew. gRPC's own pause begins at a second
// and grows to two minutes, for networks; here a dying process takes a connection with
// it, and its replacement waits behind the same socket a moment later.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 5 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 200 * time.Millisecond},
	MinConnectTimeout: 5 * time.Second,
}

// NewClient returns a go-micro gRPC client that finds services in directory. It repeats no
// call that may have been begun. The options are applied last.
func NewClient(directory *registry.Directory, options ...client.Option) client.Client {
	return knowing{directory: directory, Client: grpcclient.NewClient(append([]client.Option{
		client.Selector(registry.NewSelector(directory)),
		client.Retries(0),
		client.WrapCall(sendAgain),
		client.RequestTimeout(callTimeout),
		client.PoolSize(poolSize),
		client.PoolTTL(poolTTL),
		grpcclient.PoolMaxStreams(poolStreams),
		// While a service is replaced its socket is held, so a call that has not left yet
		// waits for the connection, as long as its deadline allows.
		withCallOptions(grpc.WaitForReady(true)),
		func(o *client.Options) { grpcclient.DialOptions(dialOptions()...)(&o.CallOptions) },
	}, options...)...)}
}

// knowing is a client that tells a service that was stopped from one that is being replaced:
// nobody need wait for the first.
type knowing struct {
	client.Client
	directory *registry.Directory
}

// Call implements client.Client.
func (k knowing) Call(ctx context.Context, request client.Request, response any, options ...client.CallOption) error {
	return k.explain(request.Service(), k.Client.Call(ctx, request, response, options...))
}

// Stream implements client.Client.
func (k knowing) Stream(ctx context.Context, request client.Request, options ...client.CallOption) (client.Stream, error) {
	stream, err := k.Client.Stream(ctx, request, options...)
	return stream, k.explain(request.Service(), err)
}

func (k knowing) explain(service string, err error) error {
	if err == nil || FailureOf(err) != WentAway || !k.directory.Stopped(service) {
		return err
	}
	return microerrors.New(stoppedID, "the "+service+" service does not run: "+registry.ErrStopped.Error(), http.StatusServiceUnavailable)
}

// dialOptions are those of every connection. go-micro's own limits of messages are left out
// of a connection whose first call is a stream.
func dialOptions() []grpc.DialOption {
	return append(nameErrors(),
		grpc.WithConnectParams(reconnect),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes), grpc.MaxCallSendMsgSize(maxMessageBytes)),
	)
}

// FailFast makes calls fail at once where nobody listens, for commands: nobody will
// begin to.
func FailFast() client.Option { return withCallOptions(grpc.WaitForReady(false)) }

// withCallOptions sets gRPC's options for all calls of a client.
func withCallOptions(options ...grpc.CallOption) client.Option {
	return func(o *client.Options) { grpcclient.CallOptions(options...)(&o.CallOptions) }
}
