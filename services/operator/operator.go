// Package operator is how the operator's commands reach the services: with a token of
// their own, over the services' sockets, without discovery and without NATS.
//
// It owns the signing of the operator's token and the outside health check. Who can read
// ocis.yaml can do everything, and nobody else can do any of it.
package operator

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"go-micro.dev/v4/client"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/registry"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// Keys are a new random pair for the internal token, as ocis.yaml holds them.
func Keys() (signing, verifying string, err error) {
	keys, err := token.NewKeys()
	return keys.SigningKey, keys.VerifyingKey, err
}

// Authorize returns a context whose calls carry the operator's token.
func Authorize(ctx context.Context, src *config.Source) (context.Context, error) {
	signed, err := sign(src, token.Operator)
	if err != nil {
		return nil, err
	}
	return token.Outgoing(ctx, signed), nil
}

// sign returns a token on behalf of one of the names that are no service's.
func sign(src *config.Source, name string) (string, error) {
	signer, err := token.NewSigner(src)
	if err != nil {
		return "", err
	}
	return signer.Sign(token.Claims{Service: name})
}

// Users returns a client of the users service on this machine.
func Users(src *config.Source) usersapi.UsersService {
	return usersapi.NewUsersService("users", local(src, "users"))
}

// local returns a go-micro client that knows one service: the one on this machine.
func local(src *config.Source, service string) client.Client {
	directory := registry.NewDirectory()
	directory.Apply(registry.Document{Writer: "local", Nodes: []plugins.Registration{{
		Service: service, NodeID: service, Address: "unix:" + src.Paths.Socket(service, ""),
	}}})
	return microservice.NewClient(directory, microservice.FailFast())
}

// Probe asks a service for its health over one of its sockets. ctx bounds it.
func Probe(ctx context.Context, src *config.Source, service string, socket plugins.Socket) error {
	switch socket.Protocol {
	case "grpc":
		authorized, err := Authorize(ctx, src)
		if err != nil {
			return err
		}
		return Reason(service, microservice.CheckHealth(authorized, local(src, service), service, "unix:"+socket.Address))
	case "nats":
		conn, err := bus.Connect(src, "health")
		if err != nil {
			return err
		}
		defer conn.Close()
		if conn.FlushWithContext(ctx) != nil {
			return noAnswer(service)
		}
		return nil
	case "http", "https":
		return probeHTTP(ctx, src, service, socket)
	}
	return fmt.Errorf("nothing is known of the protocol %q at %s", socket.Protocol, socket.Address)
}

// maxReason bounds what is shown of an unhealthy answer.
const maxReason = 512

func probeHTTP(ctx context.Context, src *config.Source, service string, socket plugins.Socket) error {
	signed, err := sign(src, token.Health)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, socket.Network, socket.Address)
		},
		// The certificate may be self-signed, and the token is good for nothing else.
		TLSClientConfig: insecure(),
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, socket.Protocol+"://localhost"+microservice.HealthPath, nil)
	if err != nil {
		return err
	}
	request.Header.Set(token.Header, signed)
	response, err := transport.RoundTrip(request)
	if err != nil {
		return noAnswer(service)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	reason, _ := io.ReadAll(io.LimitReader(response.Body, maxReason))
	return fmt.Errorf("%s: %s", response.Status, reason)
}
