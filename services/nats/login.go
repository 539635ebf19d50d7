package nats

import (
	"crypto/subtle"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/owncloud/ocis-runtime/plugins/bus"
)

// login checks the credentials of a connection. The server could do it itself, but
// warns at each start that a password which is not hashed is no secret; this one is random,
// and the file that it stands in is for the user alone.
type login struct {
	credentials bus.Credentials
}

// Check implements server.Authentication.
func (l login) Check(client server.ClientAuthentication) bool {
	given := client.GetOpts()
	user := subtle.ConstantTimeCompare([]byte(given.Username), []byte(l.credentials.User))
	password := subtle.ConstantTimeCompare([]byte(given.Password), []byte(l.credentials.Password))
	return user&password == 1
}
