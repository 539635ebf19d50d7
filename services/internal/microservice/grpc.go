package microservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	grpcserver "github.com/go-micro/plugins/v4/server/grpc"
	"go-micro.dev/v4"
	"go-micro.dev/v4/server"
	"google.golang.org/grpc"

	"github.com/owncloud/ocis-runtime/plugins"
)

// maxMessageBytes bounds a gRPC message in both directions. Content that is larger
// than a small file never travels in one.
const maxMessageBytes = 16 << 20

// stopTime is how long go-micro may take to stop when no call runs any more.
const stopTime = time.Second

// ServeGRPC serves go-micro handlers on the child's socket of that name until ctx is
// done, then drains: it accepts no more connections, refuses calls with Draining, and
// waits for those that run. It returns at the latest a moment before the child must have
// drained. register adds the handlers; options wrap or limit them.
func ServeGRPC(ctx context.Context, child *plugins.Child, socket string, register func(server.Server) error, options ...server.Option) error {
	listener, err := child.Listener(socket)
	if err != nil {
		return err
	}
	door, gate := newDoor(listener), newGate()
	options = append(serverOptions(child),
		append([]server.Option{
			server.Registry(ownRegistry(child, listener, "grpc")),
			grpcserver.Listener(door),
			grpcserver.MaxMsgSize(maxMessageBytes),
			grpcserver.Options(grpc.StreamInterceptor(gate.intercept)),
		}, options...)...)
	srv := &grpcServer{Server: grpcserver.NewServer(options...), child: child, door: door, gate: gate}
	if err := errors.Join(register(srv), handleHealth(child, srv)); err != nil {
		return fmt.Errorf("register the handlers of %s: %w", child.Service(), err)
	}
	return serve(ctx, child, srv)
}

// grpcServer is go-micro's, with another way to stop.
type grpcServer struct {
	server.Server
	child *plugins.Child
	door  *door
	gate  *gate
}

// Stop implements server.Server: it drains.
func (s *grpcServer) Stop() error {
	ctx, cancel := context.WithDeadline(context.Background(), s.child.DrainBy().Add(-margin-stopTime))
	defer cancel()
	s.door.shut()
	s.gate.close(ctx)
	return s.Server.Stop() // which closes the door
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
