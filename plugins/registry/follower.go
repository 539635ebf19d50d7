package registry

import (
	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
)

// Seed fills the directory from the supervisor's snapshot, so that a process knows its
// peers before it has talked to anybody. A missing snapshot is not an error.
func (d *Directory) Seed(dir string) error {
	document, ok, err := readSnapshot(dir)
	if err != nil {
		return err
	}
	if ok {
		d.Apply(document)
	}
	return nil
}

// Follow keeps the directory as the writers announce it, for as long as the caller
// keeps conn open. It uses the reconnect handler of conn.
func (d *Directory) Follow(conn *nats.Conn, log *logrus.Entry) error {
	_, err := conn.Subscribe(subjectDocument, func(message *nats.Msg) {
		document, err := decodeDocument(message.Data)
		if err != nil {
			log.WithError(err).Warn("announcement ignored")
			return
		}
		d.Apply(document)
	})
	if err != nil {
		return err
	}
	hello := func(conn *nats.Conn) {
		if err := conn.Publish(subjectHello, nil); err != nil {
			log.WithError(err).Warn("cannot ask for registry documents")
		}
	}
	conn.SetReconnectHandler(hello)
	hello(conn)
	return nil
}
