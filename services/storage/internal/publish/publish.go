// Package publish brings the events of the engine's outbox to NATS JetStream.
//
// It owns the stream and how events get there: in the order of the changes, except that
// after a failure some may come again. Delivery is at least once; an event's id is its
// message id, by which JetStream drops repetitions for a while and readers can for
// ever. NATS may be away at any time: events wait in the outbox, which has a bound.
package publish

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/services/storage/internal/tree"
)

// StreamName is the JetStream stream of all events; their subjects are SubjectPrefix
// and the owner's id.
const (
	StreamName    = "storage"
	SubjectPrefix = "storage.events."
)

const (
	batch      = 256 // events that are on their way at the same time
	ackTimeout = 10 * time.Second
	minPause   = 100 * time.Millisecond // after a failure, doubled up to maxPause
	maxPause   = 30 * time.Second
	maxAge     = 7 * 24 * time.Hour
	maxBytes   = 64 << 20
	duplicates = 10 * time.Minute
)

// Outbox is where the events wait.
type Outbox interface {
	Added() <-chan struct{}
	Pending(limit int) ([]tree.Pending, error)
	Published(ctx context.Context, last uint64) error
}

// Run publishes until ctx is done. It returns an error when it cannot begin.
func Run(ctx context.Context, src *config.Source, child *plugins.Child, outbox Outbox) error {
	connected := make(chan struct{}, 1)
	wake := func(*nats.Conn) {
		select {
		case connected <- struct{}{}:
		default:
		}
	}
	conn, err := bus.Connect(src, child.Instance()+" events", nats.ConnectHandler(wake), nats.ReconnectHandler(wake))
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := newPublisher(conn, outbox, child.Log())
	if err != nil {
		return err
	}
	p.run(ctx, connected)
	return nil
}

type publisher struct {
	conn     *nats.Conn
	stream   jetstream.JetStream
	outbox   Outbox
	log      *logrus.Entry
	prepared bool // the stream is there, as far as is known
}

func newPublisher(conn *nats.Conn, outbox Outbox, log *logrus.Entry) (*publisher, error) {
	stream, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(batch))
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return &publisher{conn: conn, stream: stream, outbox: outbox, log: log}, nil
}

// run publishes whatever is added. After a failure it pauses, but not beyond the
// moment at which NATS is back.
func (p *publisher) run(ctx context.Context, connected <-chan struct{}) {
	pause := time.Duration(0)
	for {
		var retry <-chan time.Time
		var added <-chan struct{}
		if pause > 0 {
			retry = time.After(pause)
		} else {
			added = p.outbox.Added()
		}
		select {
		case <-ctx.Done():
			return
		case <-added:
		case <-retry:
		case <-connected:
		}
		if err := p.publishAll(ctx); err == nil {
			pause = 0
		} else if pause = min(max(minPause, 2*pause), maxPause); pause == maxPause && ctx.Err() == nil {
			p.log.WithError(err).Warn("events wait: NATS does not take them")
		}
	}
}

// publishAll empties the outbox.
func (p *publisher) publishAll(ctx context.Context) error {
	for {
		pending, err := p.outbox.Pending(batch)
		if err != nil || len(pending) == 0 {
			return err
		}
		if !p.conn.IsConnected() {
			return nats.ErrDisconnected
		}
		last, err := p.publish(ctx, pending)
		if last > 0 {
			err = errors.Join(err, p.outbox.Published(ctx, last))
		}
		if err != nil {
			p.prepared = false
			return err
		}
	}
}

// publish sends events and returns the last of those, from the first on without a
// gap, that are stored.
func (p *publisher) publish(ctx context.Context, pending []tree.Pending) (last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if err := p.prepare(ctx); err != nil {
		return 0, err
	}
	acks := make([]jetstream.PubAckFuture, 0, len(pending))
	for _, event := range pending {
		message := &nats.Msg{Subject: subject(event.Event.GetOwnerId()), Data: event.Encoded}
		ack, sendErr := p.stream.PublishMsgAsync(message, jetstream.WithMsgID(event.Event.GetId()))
		if sendErr != nil {
			err = sendErr
			break
		}
		acks = append(acks, ack)
	}
	for i, ack := range acks {
		select {
		case <-ack.Ok():
			last = pending[i].Sequence
		case failed := <-ack.Err():
			return last, fmt.Errorf("publish an event: %w", failed)
		case <-ctx.Done():
			return last, fmt.Errorf("publish an event: %w", ctx.Err())
		}
	}
	return last, err
}

// prepare makes the stream when it may not be there.
func (p *publisher) prepare(ctx context.Context) error {
	if p.prepared {
		return nil
	}
	_, err := p.stream.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        StreamName,
		Description: "changes of people's files",
		Subjects:    []string{SubjectPrefix + ">"},
		Discard:     jetstream.DiscardOld,
		MaxAge:      maxAge,
		MaxBytes:    maxBytes,
		Duplicates:  duplicates,
	})
	if err != nil {
		return fmt.Errorf("make the stream %s: %w", StreamName, err)
	}
	p.prepared = true
	return nil
}

// subject is where an owner's events are published. Ids that are no NATS token are
// written in base64, after a "=" that no id has there.
func subject(owner string) string {
	if owner == "" || strings.ContainsFunc(owner, notInToken) {
		owner = "=" + base64.RawURLEncoding.EncodeToString([]byte(owner))
	}
	return SubjectPrefix + owner
}

func notInToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == '.' || r == '*' || r == '>' || r == '='
}
