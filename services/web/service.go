// Package web is the service behind the address that people type into a browser: one
// page that says what this is, which services are ready, and how to connect a client.
//
// It owns the page and nothing else. What it says about services is what the registry
// says: who is listed is ready. There is no script, no cookie, and nothing from elsewhere.
package web

import (
	"context"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// Name and Summary describe the service.
const (
	Name    = "web"
	Summary = "the page at /"
)

// New reads the configuration; there is none but the token's key.
func New(src *config.Source) (plugins.Service, error) {
	if err := src.Fill(Name, &struct{}{}); err != nil {
		return plugins.Service{}, err
	}
	verifier, err := token.NewVerifier(src)
	if err != nil {
		return plugins.Service{}, err
	}
	return plugins.Service{
		Declaration: plugins.Declaration{
			Name:    Name,
			Summary: Summary,
			Sockets: []plugins.Socket{{Network: "unix", Address: src.Paths.Socket(Name, ""), Protocol: "http"}},
			Profile: microservice.Profile(),
		},
		Run: func(ctx context.Context, child *plugins.Child) error {
			directory, stop, err := microservice.Discover(child, src)
			if err != nil {
				return err
			}
			defer stop()
			handler := token.Require(verifier, &site{services: directory.Services, log: child.Log()})
			return microservice.ServeHTTP(ctx, child, "", microservice.WithHealth(child, verifier, handler))
		},
	}, nil
}
