package microservice

import (
	"context"
	"fmt"
	"net/http"

	"go-micro.dev/v4/client"
	microerrors "go-micro.dev/v4/errors"
	"go-micro.dev/v4/server"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// healthEndpoint is where a gRPC service answers CheckHealth.
const healthEndpoint = "Health.Check"

// Health is the handler behind healthEndpoint; go-micro names endpoints after types.
type Health struct {
	child *plugins.Child
}

// Check reports the service's own opinion of its health.
func (h *Health) Check(ctx context.Context, _ *healthpb.HealthCheckRequest, reply *healthpb.HealthCheckResponse) error {
	if err := h.child.Health(ctx); err != nil {
		return microerrors.New(h.child.Service(), err.Error(), http.StatusServiceUnavailable)
	}
	reply.Status = healthpb.HealthCheckResponse_SERVING
	return nil
}

func handleHealth(child *plugins.Child, srv server.Server) error {
	return srv.Handle(srv.NewHandler(&Health{child: child}, server.InternalHandler(true)))
}

// CheckHealth asks the gRPC service at address for its health. ctx carries an internal
// token and a deadline.
func CheckHealth(ctx context.Context, c client.Client, service, address string) error {
	request := c.NewRequest(service, healthEndpoint, &healthpb.HealthCheckRequest{})
	return c.Call(ctx, request, &healthpb.HealthCheckResponse{}, client.WithAddress(address))
}

// HealthPath is where an HTTP service tells its health: 200, or 503 with a reason.
const HealthPath = "/healthz"

// WithHealth answers requests for HealthPath with a token for it. To everybody else there
// is no such path: next answers, as it does for all others.
func WithHealth(child *plugins.Child, verifier *token.Verifier, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != HealthPath || !mayAskHealth(verifier, r) {
			next.ServeHTTP(w, r)
			return
		}
		if err := child.Health(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

func mayAskHealth(verifier *token.Verifier, r *http.Request) bool {
	claims, err := verifier.Verify(r.Header.Get(token.Header))
	return err == nil && claims.Service == token.Health
}
