package registry

import (
	"errors"
	"fmt"

	"github.com/fsnotify/fsnotify"
	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
)

// FallBack keeps the directory as the snapshot in dir says, whenever conn is not
// connected: then Follow hears nothing. It blocks until conn is closed.
func (d *Directory) FallBack(conn *nats.Conn, dir string, log *logrus.Entry) {
	states := conn.StatusChanged(nats.CONNECTED, nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer conn.RemoveStatusListener(states)
	for !conn.IsClosed() {
		if conn.IsConnected() {
			<-states // at the latest when conn is closed
			continue
		}
		if err := d.watchSnapshot(conn, states, dir); err != nil {
			log.WithError(err).Warn("peers stay as they were known until NATS answers")
			<-states
		}
	}
}

// watchSnapshot reads the snapshot at each change until conn is connected or closed.
func (d *Directory) watchSnapshot(conn *nats.Conn, states <-chan nats.Status, dir string) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the registry snapshot: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(dir); err != nil { // the folder, since each snapshot is a new file
		return fmt.Errorf("watch the registry snapshot: %w", err)
	}
	if err := d.Seed(dir); err != nil { // what came before
		return err
	}
	for !conn.IsConnected() && !conn.IsClosed() {
		select {
		case event := <-watcher.Events:
			if event.Name != snapshotPath(dir) {
				continue
			}
			if err := d.Seed(dir); err != nil {
				return err
			}
		case err := <-watcher.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watch the registry snapshot: %w", err)
			}
			if err := d.Seed(dir); err != nil {
				return err
			}
		case <-states:
		}
	}
	return nil
}
