package publish

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/tree"
)

// box is an outbox in memory.
type box struct {
	mu        sync.Mutex
	events    []tree.Pending
	published uint64
	added     chan struct{}
	changed   *sync.Cond
}

func newBox() *box {
	b := &box{added: make(chan struct{}, 1)}
	b.changed = sync.NewCond(&b.mu)
	return b
}

func (b *box) add(ids ...string) {
	b.mu.Lock()
	for _, id := range ids {
		event := &storageapi.Event{Id: id, OwnerId: "alice"}
		encoded, _ := proto.Marshal(event)
		b.events = append(b.events, tree.Pending{Sequence: uint64(len(b.events) + 1), Event: event, Encoded: encoded})
	}
	b.mu.Unlock()
	select {
	case b.added <- struct{}{}:
	default:
	}
}

func (b *box) Added() <-chan struct{} { return b.added }

func (b *box) Pending(limit int) ([]tree.Pending, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := b.events[b.published:]
	return rest[:min(limit, len(rest))], nil
}

func (b *box) Published(_ context.Context, last uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.published = last
	b.changed.Broadcast()
	return nil
}

// wait returns when n events are published, or fails the test.
func (b *box) wait(t *testing.T, n uint64) {
	t.Helper()
	late := time.AfterFunc(30*time.Second, func() {
		t.Errorf("%d events were not published in time", n)
		b.mu.Lock()
		b.published = n
		b.mu.Unlock()
		b.changed.Broadcast()
	})
	defer late.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.published < n {
		b.changed.Wait()
	}
}

func startNATS(t *testing.T, folder string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s
}

func connect(t *testing.T, s *server.Server, options ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL(), append(options, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// stored returns the ids in the stream, in order.
func stored(t *testing.T, conn *nats.Conn) (ids []string) {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	info := stream.CachedInfo()
	for sequence := info.State.FirstSeq; sequence <= info.State.LastSeq; sequence++ {
		message, err := stream.GetMsg(t.Context(), sequence)
		if err != nil {
			t.Fatal(err)
		}
		var event storageapi.Event
		if err := proto.Unmarshal(message.Data, &event); err != nil || message.Subject != SubjectPrefix+"alice" {
			t.Fatalf("%s: %v", message.Subject, err)
		}
		ids = append(ids, event.GetId())
	}
	return ids
}

func TestEventsReachTheStreamOnceAndInOrderThoughNATSGoesAway(t *testing.T) {
	folder := t.TempDir()
	first := startNATS(t, folder, -1)
	port := first.Addr().(*net.TCPAddr).Port
	connected := make(chan struct{}, 1)
	conn := connect(t, first, nats.ReconnectHandler(func(*nats.Conn) {
		select {
		case connected <- struct{}{}:
		default:
		}
	}))
	log := logrus.New()
	log.SetOutput(io.Discard)
	b := newBox()
	p, err := newPublisher(conn, b, logrus.NewEntry(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.run(ctx, connected) })
	defer running.Wait()
	defer cancel()

	b.add("1", "2", "3")
	b.wait(t, 3)
	first.Shutdown()
	first.WaitForShutdown()
	b.add("4")
	b.add("5")
	second := startNATS(t, folder, port)
	defer func() { second.Shutdown(); second.WaitForShutdown() }()
	b.wait(t, 5)
	b.mu.Lock()
	b.published = 3 // as after a crash of the publisher
	b.mu.Unlock()
	b.add("6")
	b.wait(t, 6)
	if ids := stored(t, connect(t, second)); len(ids) != 6 || ids[0] != "1" || ids[3] != "4" || ids[5] != "6" {
		t.Errorf("stored %v", ids)
	}
}

func TestSubjectsAreValidWhateverTheOwner(t *testing.T) {
	for owner, want := range map[string]string{
		"3e7f9a":   "storage.events.3e7f9a",
		"a.b":      "storage.events.=YS5i",
		"":         "storage.events.=",
		"*":        "storage.events.=Kg",
		"=":        "storage.events.=PQ",
		"a b":      "storage.events.=YSBi",
		"\x7f\xff": "storage.events.=f_8",
	} {
		if got := subject(owner); got != want {
			t.Errorf("%q: %s", owner, got)
		}
	}
}
