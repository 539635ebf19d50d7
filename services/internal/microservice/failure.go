package microservice

import (
	"context"
	"errors"
	"net/http"

	microerrors "go-micro.dev/v4/errors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Ids of the errors that no service made.
const (
	clientID = "go.micro.client" // go-micro's client: nobody was reached, or in time
	unableID = "grpc"            // gRPC cannot carry the call, however often it is made
	// stoppedID is of calls of a service that the registry says was stopped.
	stoppedID = "stopped"
)

// Failure says why a call brought no result.
type Failure int

// The failures of a call.
const (
	// Refused: the service answered, or the check of the token before it. The error is a
	// go-micro error with their name and code.
	Refused Failure = iota
	// WentAway: the service was not reached, or it ended during the call, which it may have
	// carried out. Its replacement can be asked.
	WentAway
	// Stopped: the service does not run, and will not before somebody starts it.
	Stopped
	// Late: the call took longer than its context allowed, or its caller went away. It may
	// have been carried out.
	Late
	// Unable: the call cannot be made, such as one with too large a message.
	Unable
)

// FailureOf tells which failure the error of a client of NewClient is.
func FailureOf(err error) Failure {
	var theirs *microerrors.Error
	switch {
	case !errors.As(err, &theirs):
		return Unable
	case theirs.Id == unableID:
		return Unable
	case theirs.Id == stoppedID:
		return Stopped
	case theirs.Id == drainingID: // so its replacement is on its way
		return WentAway
	case theirs.Id != clientID:
		return Refused
	case theirs.Code == http.StatusRequestTimeout:
		return Late
	}
	return WentAway
}

// BrokeOff tells whether a call failed because the process that had begun it ended: a client of
// NewClient sends a call only to who has answered on the connection, and waits for one.
func BrokeOff(err error) bool {
	var theirs *microerrors.Error
	return errors.As(err, &theirs) && theirs.Id == clientID && theirs.Code == http.StatusServiceUnavailable
}

// named makes go-micro errors of gRPC's. go-micro does so itself, but not for what comes
// over a stream, and it gives what gRPC cannot do the look of a service that went away.
func named(err error) error {
	failed, ok := status.FromError(err)
	if err == nil || !ok {
		return err // also the end of a stream
	}
	for _, detail := range failed.Details() {
		if theirs, ok := detail.(*microerrors.Error); ok {
			return theirs
		}
	}
	if theirs := microerrors.Parse(failed.Message()); theirs.Code > 0 {
		return theirs
	}
	switch failed.Code() {
	case codes.Unavailable:
		return microerrors.New(clientID, failed.Message(), http.StatusServiceUnavailable)
	case codes.DeadlineExceeded, codes.Canceled:
		return microerrors.New(clientID, failed.Message(), http.StatusRequestTimeout)
	}
	return microerrors.New(unableID, failed.Message(), http.StatusInternalServerError)
}

// nameErrors are dial options that let named see every error.
func nameErrors() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			return named(invoke(ctx, method, request, reply, conn, options...))
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, begin grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := begin(ctx, desc, conn, method, options...)
			if err != nil {
				return nil, named(err)
			}
			return namedStream{stream}, nil
		}),
	}
}

// namedStream is a stream whose errors are named.
type namedStream struct {
	grpc.ClientStream
}

func (s namedStream) SendMsg(m any) error { return named(s.ClientStream.SendMsg(m)) }

func (s namedStream) RecvMsg(m any) error { return named(s.ClientStream.RecvMsg(m)) }
