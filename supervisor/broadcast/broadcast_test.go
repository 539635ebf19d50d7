package broadcast

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/history"
)

const patience = 20 * time.Second

func TestSubjectsAreSafeWhateverTheMachineIsCalled(t *testing.T) {
	for node, want := range map[string]string{
		"alpha":         "runtime.events.alpha.exit",
		"alpha.example": "runtime.events.alpha_example.exit",
		"* >":           "runtime.events.___.exit",
	} {
		if got := Subject(node, client.EventExit); got != want {
			t.Errorf("%q: got %s, want %s", node, got, want)
		}
	}
}

func TestExitsAreToldOnNATS(t *testing.T) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(patience) {
		t.Fatal("NATS does not accept connections")
	}
	conn, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	told, err := conn.SubscribeSync(Subject("alpha", client.EventExit))
	if err != nil {
		t.Fatal(err)
	}
	events := history.New()
	events.Add(client.Event{Kind: client.EventStatus, Service: "web"})
	events.Add(client.Event{Kind: client.EventExit, Service: "web", Exit: &client.Exit{Signal: "SIGKILL"}})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	log, _ := test.NewNullLogger()
	running.Go(func() { Run(ctx, conn, "alpha", events, logrus.NewEntry(log)) })
	message, err := told.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	var event client.Event
	if err := json.Unmarshal(message.Data, &event); err != nil || event.Sequence != 2 || event.Exit == nil || event.Exit.Signal != "SIGKILL" {
		t.Errorf("%+v %v", event, err)
	}
}
