package microservice

import (
	"slices"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
)

// Profile is what every service of the family has while it is isolated: NATS, which tells
// it of its peers, the peers' sockets, and the key with which it recognizes a user.
func Profile(peers ...string) plugins.Profile {
	return plugins.Profile{
		Peers:       slices.Concat([]string{bus.ServiceName}, peers),
		Settings:    []string{"nats.user", "nats.password", "token.verifying_key"},
		Environment: []string{"NATS_USER", "NATS_PASSWORD", "OCIS_TOKEN_VERIFYING_KEY"},
	}
}

// ProfileWithData is Profile for a service with data of its own.
func ProfileWithData(folder string, peers ...string) plugins.Profile {
	profile := Profile(peers...)
	profile.Write = []string{folder}
	return profile
}
