package registry

import (
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Seed fills the directory from the supervisor's snapshot, so that a process knows its
// peers before it has talked to anybody. A missing snapshot is not an error. From then on,
// Follow takes from the snapshot alone who is where on this machine.
func (d *Directory) Seed(dir string) error {
	document, ok, err := readSnapshot(dir)
	if err != nil {
		return err
	}
	if ok {
		d.mu.Lock()
		d.snapshot, d.here = dir, document.Writer
		d.mu.Unlock()
		d.Apply(document)
	}
	return nil
}

// take takes over what somebody announces. Everybody who may use NATS can announce
// something, and only the supervisor can write the snapshot: an announcement of its writer
// means that the snapshot has changed, and no other one has a say about this machine.
func (d *Directory) take(document Document) error {
	d.mu.Lock()
	snapshot, here := d.snapshot, d.here
	d.mu.Unlock()
	switch {
	case snapshot == "":
	case document.Writer == here:
		return d.Seed(snapshot)
	default:
		document.Stopped = nil
		document.Nodes = slices.DeleteFunc(document.Nodes, func(node plugins.Registration) bool {
			return strings.HasPrefix(node.Address, "unix:")
		})
	}
	d.Apply(document)
	return nil
}

// Follow keeps the directory as the writers announce it, for as long as the caller
// keeps conn open. It uses the reconnect handler of conn.
func (d *Directory) Follow(conn *nats.Conn, log *logrus.Entry) error {
	_, err := conn.Subscribe(subjectDocument, func(message *nats.Msg) {
		document, err := decodeDocument(message.Data)
		if err == nil {
			err = d.take(document)
		}
		if err != nil {
			log.WithError(err).Warn("announcement ignored")
		}
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
