package users

import (
	"context"

	"go-micro.dev/v4/errors"

	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// isProxy tells whether the proxy asks for itself, and not a service behind it with the
// token of some user's request.
func isProxy(claims token.Claims) bool { return claims.Service == "proxy" && claims.Subject == "" }

// isOperator tells whether the command line of whoever runs the system asks.
func isOperator(claims token.Claims) bool { return claims.Service == token.Operator }

// requireCaller refuses a call unless allowed says yes to who makes it.
func requireCaller(ctx context.Context, allowed ...func(token.Claims) bool) error {
	claims, ok := token.FromContext(ctx)
	if !ok {
		return errors.Unauthorized(Name, "no valid internal token")
	}
	for _, allow := range allowed {
		if allow(claims) {
			return nil
		}
	}
	return errors.Forbidden(Name, "not allowed for %s", describe(claims))
}

func describe(claims token.Claims) string {
	if claims.Username != "" {
		return "user " + claims.Username
	}
	return "the service " + claims.Service
}
