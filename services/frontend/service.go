// Package frontend is the service that answers what ownCloud clients ask before they
// sync: what this server is, what it can do, and who the user is.
//
// It owns /status.php and the OCS endpoints, in JSON and XML. What it advertises is what
// the family really serves: a client that believes in chunked uploads which are not there
// loses files. It calls nobody: the user's data is in the internal token.
package frontend

import (
	"context"
	"net/http"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/internal/microservice"
	"github.com/owncloud/ocis-runtime/services/internal/token"
)

// Name and Summary describe the service.
const (
	Name    = "frontend"
	Summary = "what ownCloud clients ask first: status, capabilities, user"
)

// Settings are the service's section of ocis.yaml.
type Settings struct {
	Maintenance bool `yaml:"maintenance" env:"FRONTEND_MAINTENANCE" default:"false" desc:"tell sync clients to pause"`
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
			Sockets: []plugins.Socket{{Network: "unix", Address: src.Paths.Socket(Name, ""), Protocol: "http"}},
			Profile: microservice.Profile(),
		},
		Run: func(ctx context.Context, child *plugins.Child) error {
			handler := token.Require(verifier, routes(settings))
			return microservice.ServeHTTP(ctx, child, "", microservice.WithHealth(child, verifier, handler))
		},
	}, nil
}

func routes(settings Settings) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status.php", settings.status)
	for _, version := range []int{1, 2} {
		ocs := ocsEndpoint{version: version, settings: settings}
		prefix := ocs.prefix()
		mux.HandleFunc(prefix+"/cloud/capabilities", ocs.capabilities)
		mux.HandleFunc(prefix+"/cloud/user", ocs.user)
		mux.HandleFunc(prefix+"/config", ocs.config)
		mux.HandleFunc(prefix+"/", ocs.unknown)
	}
	return readOnly(mux)
}

// readOnly refuses what would change something: there is nothing to change here.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET is served here", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
