package token

import (
	"context"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Header carries the token, in HTTP requests and in go-micro metadata.
const Header = "X-Access-Token"

const (
	// Lifetime is how long a token of Sign is valid.
	Lifetime = 5 * time.Minute
	// UploadLifetime is how long a token of SignUpload is valid: as long as a large
	// upload over a slow line may take.
	UploadLifetime = 24 * time.Hour
)

// Claims say who asks.
type Claims struct {
	// Subject is the user's id; empty when no user asks.
	Subject     string
	Username    string
	DisplayName string
	Email       string
	// Service is on whose behalf: "proxy" for people's requests and the proxy's own, or one
	// of the names below.
	Service string
}

// Names in Claims.Service that are no service's.
const (
	Operator = "cli"    // the command line of whoever runs the system
	Health   = "health" // a question for a service's health: it may ask for nothing else
	Nobody   = "nobody" // a request that is public, without a login: it may do nothing else
)

// wire is the JSON form of Claims.
type wire struct {
	Username    string `json:"usr,omitempty"`
	DisplayName string `json:"name,omitempty"`
	Email       string `json:"email,omitempty"`
	Service     string `json:"svc"`
	jwt.RegisteredClaims
}

func (w *wire) claims() Claims {
	return Claims{
		Subject:     w.Subject,
		Username:    w.Username,
		DisplayName: w.DisplayName,
		Email:       w.Email,
		Service:     w.Service,
	}
}

type contextKey struct{}

// NewContext returns a context that carries verified claims.
func NewContext(ctx context.Context, claims Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, claims)
}

// FromContext returns the claims that the middleware verified.
func FromContext(ctx context.Context) (Claims, bool) {
	claims, ok := ctx.Value(contextKey{}).(Claims)
	return claims, ok
}
