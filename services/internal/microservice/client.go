package microservice

import (
	"time"

	grpcclient "github.com/go-micro/plugins/v4/client/grpc"
	"go-micro.dev/v4/client"
	"google.golang.org/grpc"

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

// NewClient returns a go-micro gRPC client that finds services in directory. It never
// repeats a call by itself. The options are applied last.
func NewClient(directory *registry.Directory, options ...client.Option) client.Client {
	return grpcclient.NewClient(append([]client.Option{
		client.Selector(registry.NewSelector(directory)),
		client.Retries(0),
		client.RequestTimeout(callTimeout),
		client.PoolSize(poolSize),
		client.PoolTTL(poolTTL),
		grpcclient.PoolMaxStreams(poolStreams),
		grpcclient.MaxRecvMsgSize(maxMessageBytes),
		grpcclient.MaxSendMsgSize(maxMessageBytes),
		// While a service is replaced its socket is held, so a call that has not left yet
		// waits for the connection, as long as its deadline allows.
		withCallOptions(grpc.WaitForReady(true)),
	}, options...)...)
}

// FailFast makes calls fail at once where nobody listens, for commands: nobody will
// begin to.
func FailFast() client.Option { return withCallOptions(grpc.WaitForReady(false)) }

// withCallOptions sets gRPC's options for all calls of a client.
func withCallOptions(options ...grpc.CallOption) client.Option {
	return func(o *client.Options) { grpcclient.CallOptions(options...)(&o.CallOptions) }
}
