package registry

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
)

// The subjects of discovery. A follower says hello when it (re)connects; every
// announcer answers with its document.
const (
	subjectDocument = "registry.document"
	subjectHello    = "registry.hello"
)

// Announcer is a writer of the registry: it keeps one document and tells it to
// everybody. It is safe for concurrent use. No call waits for NATS.
type Announcer struct {
	dir     string // empty: no snapshot is kept
	log     *logrus.Entry
	removed chan struct{} // has room for one: Serve has something to do

	mu      sync.Mutex
	conn    *nats.Conn
	nodes   map[string][]plugins.Registration // by instance
	stopped map[string]bool                   // by service
	doc     Document
	stale   bool // doc does not say what nodes does
}

// NewAnnouncer returns the writer of that name. With a dir it keeps the snapshot
// there; only the supervisor, which holds the run directory's lock, passes one.
func NewAnnouncer(writer, dir string, log *logrus.Entry) *Announcer {
	return &Announcer{
		dir:     dir,
		log:     log,
		removed: make(chan struct{}, 1),
		nodes:   make(map[string][]plugins.Registration),
		stopped: make(map[string]bool),
		doc:     Document{Writer: writer, Epoch: rand.Text()},
	}
}

// Publish announces through conn from now on, at each change and whenever a
// follower asks. The caller keeps conn open for as long as it wants that.
func (a *Announcer) Publish(conn *nats.Conn) error {
	_, err := conn.Subscribe(subjectHello, func(*nats.Msg) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.announce()
	})
	if err != nil {
		return err
	}
	conn.SetReconnectHandler(func(*nats.Conn) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.announce()
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conn = conn
	a.announce()
	return nil
}

// Enter lists the nodes of an instance, in place of those it had. When it returns, the
// snapshot lists them too.
func (a *Announcer) Enter(instance string, nodes []plugins.Registration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nodes[instance] = slices.Clone(nodes)
	a.update()
}

// Remove takes an instance out. Serve tells everybody, beside the caller, who has a
// replacement to start.
func (a *Announcer) Remove(instance string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.nodes[instance]; !ok {
		return
	}
	delete(a.nodes, instance)
	a.stale = true
	select {
	case a.removed <- struct{}{}:
	default: // Serve is about to look anyway
	}
}

// SetStopped says whether a service will come by itself, or only when somebody starts it.
func (a *Announcer) SetStopped(service string, stopped bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped[service] == stopped {
		return
	}
	if stopped {
		a.stopped[service] = true
	} else {
		delete(a.stopped, service)
	}
	a.update()
}

// Serve tells everybody what Remove has taken out, until ctx is done.
func (a *Announcer) Serve(ctx context.Context) {
	for {
		select {
		case <-a.removed:
			a.tellRemoved()
		case <-ctx.Done():
			return
		}
	}
}

func (a *Announcer) tellRemoved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stale { // else an Enter has told it meanwhile
		a.update()
	}
}

// Reset announces the empty document: what a predecessor of the same name listed is gone.
func (a *Announcer) Reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.nodes)
	a.update()
}

// update makes the next document of what is known. The caller holds the lock.
func (a *Announcer) update() {
	a.stale = false
	a.doc.Sequence++
	a.doc.Nodes = a.doc.Nodes[:0:0]
	for _, nodes := range a.nodes {
		a.doc.Nodes = append(a.doc.Nodes, nodes...)
	}
	slices.SortFunc(a.doc.Nodes, func(x, y plugins.Registration) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.NodeID, y.NodeID))
	})
	a.doc.Stopped = slices.Sorted(maps.Keys(a.stopped))
	if a.dir != "" {
		if err := writeSnapshot(a.dir, a.doc); err != nil {
			a.log.WithError(err).Warn("children that start now may not find each other until NATS answers")
		}
	}
	a.announce()
}

// announce publishes the document. The caller holds the lock.
func (a *Announcer) announce() {
	if a.conn == nil {
		return
	}
	data, err := json.Marshal(a.doc)
	if err == nil {
		err = a.conn.Publish(subjectDocument, data)
	}
	if err != nil {
		a.log.WithError(err).Warn("cannot announce the registry document; it is announced again when NATS is back")
	}
}
