package proxy

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/proxy/internal/login"
	usersapi "github.com/owncloud/ocis-runtime/services/users/api"
)

// followAccounts makes logins forget who was deleted or has another password, as the
// users service tells it, until stop is called. What is told while NATS is away may not
// come, so whoever was remembered before it came back is asked for again.
func followAccounts(src *config.Source, child *plugins.Child, logins *login.Authenticator) (stop func(), err error) {
	conn, err := bus.Connect(src, child.Instance()+" accounts", nats.ReconnectHandler(func(*nats.Conn) { logins.ForgetAll() }))
	if err != nil {
		return nil, err
	}
	_, err = conn.Subscribe(usersapi.ChangedSubject, func(message *nats.Msg) { logins.Forget(string(message.Data)) })
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("follow the accounts: %w", err)
	}
	return conn.Close, nil
}
