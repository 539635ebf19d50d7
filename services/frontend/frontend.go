// Package frontend is the service that ownCloud clients ask before they sync: is there a
// server, what can it do, who am I.
//
// It owns /status.php and the OCS endpoints. It promises only what the family serves:
// clients rely on every capability, and an upload method that is announced but not there
// breaks them. It keeps no data; who asks stands in the internal token.
package frontend

import (
	"context"
	"net/http"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// Name is the service's name.
const Name = "frontend"

// Summary is one line for people.
const Summary = "status.php and the OCS endpoints that ownCloud clients ask first"

// Settings are the section "frontend" of ocis.yaml.
type Settings struct {
	Maintenance bool `yaml:"maintenance" env:"FRONTEND_MAINTENANCE" default:"false" allowed:"true or false" desc:"true: tells sync clients to pause"`
}

// New reads the configuration.
func New(src *config.Source) (plugins.Service, error) {
	var settings Settings
	if err := src.Fill(Name, &settings); err != nil {
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
			Sockets: []plugins.Socket{{Network: "unix", Address: src.Paths.Socket(Name, "")}},
		},
		Run: func(ctx context.Context, child *plugins.Child) error {
			return microservice.ServeHTTP(ctx, child, "", token.Require(verifier, newHandler(settings)))
		},
	}, nil
}

// newHandler routes the endpoints. Both versions of OCS answer the same, in their own
// envelopes.
func newHandler(settings Settings) http.Handler {
	status := newStatus(settings.Maintenance)
	mux := http.NewServeMux()
	mux.Handle("GET /status.php", status)
	for _, version := range []ocsVersion{ocsV1, ocsV2} {
		mux.Handle("GET "+version.path+"/cloud/capabilities", endpoint(version, func(*http.Request) (any, ocsMeta) {
			return newCapabilities(status), version.ok()
		}))
		mux.Handle("GET "+version.path+"/cloud/user", endpoint(version, currentUser(version)))
		mux.Handle("GET "+version.path+"/config", endpoint(version, func(r *http.Request) (any, ocsMeta) {
			return newServerConfig(r.Host), version.ok()
		}))
		mux.Handle(version.path+"/", endpoint(version, func(*http.Request) (any, ocsMeta) {
			return nil, version.notFound()
		}))
	}
	return mux
}

// currentUser answers with what the token says.
func currentUser(version ocsVersion) func(*http.Request) (any, ocsMeta) {
	return func(r *http.Request) (any, ocsMeta) {
		claims, _ := token.FromContext(r.Context())
		if claims.Subject == "" {
			return nil, version.unauthorized()
		}
		return user{ID: claims.Username, DisplayName: claims.DisplayName, Email: claims.Email}, version.ok()
	}
}
