package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// The kinds of events.
const (
	kindCreated    = "created"
	kindWritten    = "written"
	kindDeleted    = "deleted"
	kindMoved      = "moved"
	kindCopied     = "copied"
	kindProperties = "properties"
	kindRestored   = "restored"
	kindPurged     = "purged"
)

// outbox is what is known of the events that wait in bucketOutbox to be published.
// Those that were published leave it with the next change, which costs nothing.
type outbox struct {
	added     chan struct{} // has a token when there may be new events
	published atomic.Uint64 // the last sequence that needs no publishing any more
	gone      atomic.Uint64 // the last sequence that is not in the bucket any more
	full      atomic.Bool   // events are being dropped
}

// trimLag is how many published events may stay in the bucket for want of a change.
const trimLag = 1000

// emit writes an event about an entry into the outbox.
func (x *tx) emit(kind, owner string, e *record.Entry, path, old paths.Path) error {
	box := x.bolt.Bucket(bucketOutbox)
	sequence, err := x.next(box)
	if err != nil {
		return err
	}
	event := &storageapi.Event{
		Id:         fmt.Sprintf("%s-%d", x.tree.instance, sequence),
		Kind:       kind,
		OwnerId:    owner,
		EntryId:    x.publicID(e.ID),
		Path:       path.String(),
		Type:       typeOf(e),
		Size:       e.Size,
		Etag:       etag(e),
		AtUnixNano: x.now,
	}
	if kind == kindMoved {
		event.OldPath = old.String()
	}
	value, err := proto.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	x.emitted = true
	if err := x.put(box, binary.BigEndian.AppendUint64(nil, sequence), value); err != nil {
		return err
	}
	return x.boundOutbox(box, sequence)
}

// boundOutbox drops the oldest event when there are too many.
func (x *tx) boundOutbox(box *bbolt.Bucket, newest uint64) error {
	first, _ := box.Cursor().First()
	if oldest := binary.BigEndian.Uint64(first); newest-oldest < x.tree.options.MaxEvents {
		return nil
	}
	if !x.tree.outbox.full.Swap(true) {
		x.tree.options.Log.Warnf("%d events wait to be published: the oldest are dropped", x.tree.options.MaxEvents)
	}
	return x.delete(box, bytes.Clone(first))
}

// trimOutbox drops the events that were published, and returns the last of them. It
// is no reason to commit a transaction.
func (x *tx) trimOutbox() (uint64, error) {
	published := x.tree.outbox.published.Load()
	if published == x.tree.outbox.gone.Load() {
		return published, nil
	}
	box := x.bolt.Bucket(bucketOutbox)
	cursor := box.Cursor()
	for key, _ := cursor.First(); key != nil && binary.BigEndian.Uint64(key) <= published; key, _ = cursor.First() {
		if err := cursor.Delete(); err != nil {
			return 0, err
		}
	}
	return published, nil
}

// Pending is an event that waits to be published.
type Pending struct {
	Sequence uint64
	Event    *storageapi.Event
	Encoded  []byte
}

// Added has a token after events were added, and when the engine was opened.
func (t *Tree) Added() <-chan struct{} { return t.outbox.added }

// Pending returns the oldest events, up to limit of them.
func (t *Tree) Pending(limit int) ([]Pending, error) {
	var pending []Pending
	err := t.view(func(x *tx) error {
		from := binary.BigEndian.AppendUint64(nil, t.outbox.published.Load()+1)
		cursor := x.bolt.Bucket(bucketOutbox).Cursor()
		for key, value := cursor.Seek(from); key != nil && len(pending) < limit; key, value = cursor.Next() {
			event := &storageapi.Event{}
			if err := proto.Unmarshal(value, event); err != nil {
				return fmt.Errorf("event %x in the outbox: %w", key, err)
			}
			pending = append(pending, Pending{Sequence: binary.BigEndian.Uint64(key), Event: event, Encoded: clone(value)})
		}
		return nil
	})
	return pending, err
}

// Published says that the events up to last need no publishing any more. A crash soon
// after makes Pending return some of them again.
func (t *Tree) Published(ctx context.Context, last uint64) error {
	t.outbox.published.Store(last)
	t.outbox.full.Store(false)
	if last-t.outbox.gone.Load() < trimLag {
		return nil
	}
	return t.trim(ctx)
}

// trim makes published events leave the outbox now.
func (t *Tree) trim(ctx context.Context) error {
	if t.outbox.published.Load() == t.outbox.gone.Load() {
		return nil
	}
	return t.update(ctx, func(x *tx) error {
		x.dirty = true
		return nil
	})
}
