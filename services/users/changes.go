package users

import (
	"time"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"

	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// tellTimeout bounds how long a call waits until NATS has what it tells.
const tellTimeout = time.Second

// tell returns what tells others that a user changed. While NATS is away it is kept in
// the connection's buffer, and others forget by themselves in a minute.
func tell(conn *nats.Conn, log *logrus.Entry) func(id string) {
	return func(id string) {
		err := conn.Publish(usersapi.ChangedSubject, []byte(id))
		if err == nil && conn.IsConnected() {
			err = conn.FlushTimeout(tellTimeout)
		}
		if err != nil {
			log.WithError(err).Warn("for a minute an old password may be accepted, or for seconds a new one refused: the proxy could not be told of a change")
		}
	}
}
