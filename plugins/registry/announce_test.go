package registry

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/owncloud/ocis-runtime/plugins"
)

const patience = 20 * time.Second

func quiet() *logrus.Entry {
	log, _ := test.NewNullLogger()
	return logrus.NewEntry(log)
}

// startNATS runs a server on port, or on a free one when port is -1.
func startNATS(t *testing.T, port int) (*server.Server, int) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS does not accept connections")
	}
	return s, s.Addr().(*net.TCPAddr).Port
}

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// serve runs the announcer until the test ends.
func serve(t *testing.T, a *Announcer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { a.Serve(ctx) })
	t.Cleanup(func() { cancel(); serving.Wait() })
}

func await(t *testing.T, d *Directory, service string, nodes int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		changed := d.Changed()
		if len(nodeIDs(d, service)) == nodes {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s has nodes %v, want %d", service, nodeIDs(d, service), nodes)
		}
	}
}

func TestFollowersLearnOfEveryChange(t *testing.T) {
	natsServer, _ := startNATS(t, -1)
	defer natsServer.Shutdown()
	announcer := NewAnnouncer("alpha", "", quiet())
	serve(t, announcer)
	announcer.Enter("web-1", []plugins.Registration{node("web", "web-1")})
	if err := announcer.Publish(connect(t, natsServer.ClientURL())); err != nil {
		t.Fatal(err)
	}
	late := NewDirectory()
	if err := late.Follow(connect(t, natsServer.ClientURL()), quiet()); err != nil {
		t.Fatal(err)
	}
	await(t, late, "web", 1)
	announcer.Enter("web-2", []plugins.Registration{node("web", "web-2")})
	await(t, late, "web", 2)
	announcer.Remove("web-1")
	await(t, late, "web", 1)
	announcer.Reset()
	await(t, late, "web", 0)
}

func TestDiscoveryHealsWhenNATSIsReplaced(t *testing.T) {
	first, port := startNATS(t, -1)
	url := first.ClientURL()
	announcer := NewAnnouncer("alpha", "", quiet())
	if err := announcer.Publish(connect(t, url)); err != nil {
		t.Fatal(err)
	}
	directory := NewDirectory()
	if err := directory.Follow(connect(t, url), quiet()); err != nil {
		t.Fatal(err)
	}
	announcer.Enter("web-1", []plugins.Registration{node("web", "web-1")})
	await(t, directory, "web", 1)

	first.Shutdown()
	first.WaitForShutdown()
	announcer.Enter("web-2", []plugins.Registration{node("web", "web-2")})
	second, _ := startNATS(t, port)
	defer second.Shutdown()
	await(t, directory, "web", 2)
}

func TestTheSnapshotIsFollowedWhileNATSIsAway(t *testing.T) {
	first, port := startNATS(t, -1)
	url, dir := first.ClientURL(), t.TempDir()
	announcer, directory := NewAnnouncer("alpha", dir, quiet()), NewDirectory()
	if err := announcer.Publish(connect(t, url)); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	if err := directory.Follow(conn, quiet()); err != nil {
		t.Fatal(err)
	}
	var fallingBack sync.WaitGroup
	fallingBack.Go(func() { directory.FallBack(conn, dir, quiet()) })
	announcer.Enter("web-1", []plugins.Registration{node("web", "web-1")})
	await(t, directory, "web", 1)

	first.Shutdown()
	first.WaitForShutdown()
	announcer.Enter("web-2", []plugins.Registration{node("web", "web-2")})
	await(t, directory, "web", 2)
	announcer.Enter("web-3", []plugins.Registration{node("web", "web-3")})
	await(t, directory, "web", 3)

	second, _ := startNATS(t, port)
	defer second.Shutdown()
	announcer.Enter("web-4", []plugins.Registration{node("web", "web-4")})
	await(t, directory, "web", 4)
	conn.Close()
	fallingBack.Wait()
}

func TestNobodyButTheSupervisorSaysWhoIsWhereOnThisMachine(t *testing.T) {
	natsServer, _ := startNATS(t, -1)
	defer natsServer.Shutdown()
	dir, conn := t.TempDir(), connect(t, natsServer.ClientURL())
	announcer := NewAnnouncer("here", dir, quiet())
	announcer.Enter("users-1", []plugins.Registration{node("users", "users-1")})
	directory := NewDirectory()
	if err := directory.Seed(dir); err != nil {
		t.Fatal(err)
	}
	follower := connect(t, natsServer.ClientURL())
	if err := errors.Join(directory.Follow(follower, quiet()), follower.FlushTimeout(patience)); err != nil {
		t.Fatal(err)
	}
	announcer.mu.Lock()
	announcer.conn = conn
	announcer.mu.Unlock()
	lie := func(writer, address string) {
		liar := NewAnnouncer(writer, "", quiet())
		liar.conn = conn
		liar.SetStopped("web", true)
		liar.Enter("users-9", []plugins.Registration{{Service: "users", NodeID: "users-9", Address: address}, {Service: "mark-" + writer, Address: "192.0.2.1:1"}})
	}
	lie("here", "unix:/run/liar.sock")
	lie("zz", "unix:/run/liar.sock")
	await(t, directory, "mark-zz", 1) // what another machine says of itself is taken
	if ids := nodeIDs(directory, "users"); len(ids) != 1 || ids[0] != "users-1" || directory.Stopped("web") {
		t.Errorf("users has nodes %v, and web is stopped: %v", ids, directory.Stopped("web"))
	}
	announcer.Enter("users-2", []plugins.Registration{node("users", "users-2")})
	await(t, directory, "users", 2)
}

func TestAProcessKnowsItsPeersFromTheSnapshot(t *testing.T) {
	dir := t.TempDir()
	announcer := NewAnnouncer("alpha", dir, quiet())
	announcer.Enter("users-1", []plugins.Registration{node("users", "users-1")})
	announcer.Remove("users-1")
	announcer.Enter("web-1", []plugins.Registration{node("web", "web-1")})

	directory := NewDirectory()
	if err := directory.Seed(dir); err != nil {
		t.Fatal(err)
	}
	if len(nodeIDs(directory, "web")) != 1 || directory.Service("users") != nil {
		t.Errorf("the snapshot gives %v", directory.Services())
	}
}

func TestAChangeCountsAlsoAfterTheClockWasSetBack(t *testing.T) {
	dir := t.TempDir()
	announcer, directory := NewAnnouncer("alpha", dir, quiet()), NewDirectory()
	enter := func(t *testing.T, a *Announcer, instance string) {
		t.Helper()
		a.Enter(instance, []plugins.Registration{node("web", instance)})
		if err := directory.Seed(dir); err != nil {
			t.Fatal(err)
		}
		if ids := nodeIDs(directory, "web"); len(ids) == 0 || ids[len(ids)-1] != instance {
			t.Errorf("after %s the nodes are %v", instance, ids)
		}
	}
	enter(t, announcer, "web-1")
	synctest.Test(t, func(t *testing.T) { // in here it is the year 2000
		enter(t, announcer, "web-2")
		enter(t, NewAnnouncer("alpha", dir, quiet()), "web-3") // a new runtime
	})
}

func TestSeedTellsAMissingSnapshotFromABrokenOne(t *testing.T) {
	dir := t.TempDir()
	if err := NewDirectory().Seed(dir); err != nil {
		t.Errorf("a missing snapshot is an error: %v", err)
	}
	if err := os.WriteFile(snapshotPath(dir), []byte(`{"writer":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewDirectory().Seed(dir); err == nil {
		t.Error("a broken snapshot is not an error")
	}
}
