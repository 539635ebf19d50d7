// Package broadcast tells a runtime's events to everybody on NATS.
//
// It owns the subjects and the form: an event of the control API, as JSON, on
//
//	runtime.events.NODE.KIND
//
// where KIND is status, exit or runtime, and NODE the machine's name with what is no letter,
// digit or dash as an underscore. It leaves the connection to its caller.
//
// It does not guarantee delivery. While NATS is away the connection keeps what fits into
// its buffer; the control API's stream and the exit records on disk have everything.
package broadcast

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/history"
)

// Subject returns where the events of a kind are told by a machine; kind "*" is all of them.
func Subject(node, kind string) string {
	return "runtime.events." + strings.Map(plain, node) + "." + kind
}

// plain replaces what would end or widen a token of a subject.
func plain(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-':
		return r
	}
	return '_'
}

// Run publishes everything that happens until ctx is done. It never delays the runtime.
func Run(ctx context.Context, conn *nats.Conn, node string, events *history.Log, log *logrus.Entry) {
	_ = events.Follow(ctx, 0, func(event client.Event) error { // it returns no error, so there is none
		data, err := json.Marshal(event)
		if err == nil {
			err = conn.Publish(Subject(node, event.Kind), data)
		}
		if err != nil && !errors.Is(err, nats.ErrReconnectBufExceeded) { // which ends with the next connection
			log.WithError(err).Warn("an event is not told on NATS")
		}
		return nil
	})
}
