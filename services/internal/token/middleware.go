package token

import (
	"context"
	"net/http"

	microerrors "go-micro.dev/v4/errors"
	"go-micro.dev/v4/metadata"
	"go-micro.dev/v4/server"
)

// Require lets only requests with a valid token through to next, which finds the claims
// in the request's context. Others get 401.
func Require(v *Verifier, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := v.Verify(r.Header.Get(Header))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), claims)))
	})
}

// ErrorID marks the go-micro errors of HandlerWrapper. It is no service's name: a service
// may answer 401 for reasons of its own.
const ErrorID = "token"

// HandlerWrapper is Require for go-micro servers: calls without a valid token get a
// go-micro error of code 401.
func HandlerWrapper(v *Verifier) server.HandlerWrapper {
	return func(next server.HandlerFunc) server.HandlerFunc {
		return func(ctx context.Context, request server.Request, reply any) error {
			// The names arrive lower-cased through gRPC; Get finds them in either form.
			text, _ := metadata.Get(ctx, Header)
			claims, err := v.Verify(text)
			if err != nil {
				return microerrors.Unauthorized(ErrorID, "%s", err)
			}
			return next(NewContext(ctx, claims), request, reply)
		}
	}
}

// Outgoing returns a context whose go-micro calls carry the token.
func Outgoing(ctx context.Context, text string) context.Context {
	return metadata.Set(ctx, Header, text)
}
