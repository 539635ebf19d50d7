package microservice

import (
	"context"
	"errors"
	"fmt"

	grpcserver "github.com/go-micro/plugins/v4/server/grpc"
	"go-micro.dev/v4"
	"go-micro.dev/v4/server"

	"github.com/owncloud/ocis-runtime/plugins"
)

// maxMessageBytes bounds a gRPC message in both directions. Content that is larger
// than a small file never travels in one.
const maxMessageBytes = 16 << 20

// ServeGRPC serves go-micro handlers on the child's socket of that name until ctx is
// done, then drains. register adds the handlers; options wrap or limit them.
func ServeGRPC(ctx context.Context, child *plugins.Child, socket string, register func(server.Server) error, options ...server.Option) error {
	listener, err := child.Listener(socket)
	if err != nil {
		return err
	}
	options = append(serverOptions(child),
		append([]server.Option{
			server.Registry(ownRegistry(child, listener, "grpc")),
			grpcserver.Listener(listener),
			grpcserver.MaxMsgSize(maxMessageBytes),
		}, options...)...)
	srv := grpcserver.NewServer(options...)
	if err := errors.Join(register(srv), handleHealth(child, srv)); err != nil {
		return fmt.Errorf("register the handlers of %s: %w", child.Service(), err)
	}
	return serve(ctx, child, srv)
}

// serverOptions are those that both kinds of server share.
func serverOptions(child *plugins.Child) []server.Option {
	return []server.Option{
		server.Name(child.Service()),
		server.Id(child.Instance()),
		server.Version(child.Version()),
		// Only to keep go-micro from taking a unix path apart as host and port; the
		// registry entry carries the listener's real address.
		server.Advertise("127.0.0.1"),
		server.RegisterInterval(0),
		server.WithLogger(microLogger{child.Log()}),
	}
}

// serve runs a server as a go-micro service until ctx is done and it has drained.
func serve(ctx context.Context, child *plugins.Child, srv server.Server) error {
	service := micro.NewService(
		micro.Server(srv),
		micro.Context(ctx),
		micro.HandleSignal(false),
		micro.Logger(microLogger{child.Log()}),
	)
	if err := service.Run(); err != nil {
		return fmt.Errorf("serve %s: %w", child.Service(), err)
	}
	return nil
}
