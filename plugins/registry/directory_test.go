package registry

import (
	"context"
	"errors"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
)

func node(service, id string) plugins.Registration {
	return plugins.Registration{Service: service, NodeID: id, Address: "unix:/run/" + id + ".sock"}
}

func nodeIDs(d *Directory, service string) []string {
	var ids []string
	if s := d.Service(service); s != nil {
		for _, node := range s.Nodes {
			ids = append(ids, node.Id)
		}
	}
	return ids
}

func TestDirectoryListsTheNodesOfAllWriters(t *testing.T) {
	d := NewDirectory()
	d.Apply(Document{Writer: "alpha", Sequence: 1, Nodes: []plugins.Registration{node("web", "web-1"), node("users", "users-1")}})
	d.Apply(Document{Writer: "beta", Sequence: 1, Nodes: []plugins.Registration{node("web", "web-2")}})

	if ids := nodeIDs(d, "web"); len(ids) != 2 || ids[0] != "web-1" || ids[1] != "web-2" {
		t.Errorf("web has nodes %v, want web-1 and web-2", ids)
	}
	if services := d.Services(); len(services) != 2 || services[0].Name != "users" {
		t.Errorf("services are %v, want users and web in this order", services)
	}
}

func TestDirectoryKeepsTheNewerDocumentOfAWriter(t *testing.T) {
	for name, test := range map[string]struct {
		epoch    string
		sequence uint64
		want     int
	}{
		"a later one replaces":              {"first", 8, 0},
		"an earlier one is ignored":         {"first", 6, 1},
		"the same again is ignored":         {"first", 7, 1},
		"the first of its successor counts": {"second", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDirectory()
			d.Apply(Document{Writer: "alpha", Epoch: "first", Sequence: 7, Nodes: []plugins.Registration{node("web", "web-1")}})
			d.Apply(Document{Writer: "alpha", Epoch: test.epoch, Sequence: test.sequence})
			if got := len(nodeIDs(d, "web")); got != test.want {
				t.Errorf("%d nodes, want %d", got, test.want)
			}
		})
	}
}

func TestWaitReturnsWhenTheServiceAppears(t *testing.T) {
	d := NewDirectory()
	waiting := d.Changed()
	found := make(chan error, 1)
	go func() {
		_, err := d.Wait(t.Context(), "web")
		found <- err
	}()
	d.Apply(Document{Writer: "alpha", Sequence: 1, Nodes: []plugins.Registration{node("users", "users-1")}})
	<-waiting
	d.Apply(Document{Writer: "alpha", Sequence: 2, Nodes: []plugins.Registration{node("web", "web-1")}})
	if err := <-found; err != nil {
		t.Error(err)
	}
}

func TestNobodyWaitsForAServiceThatWasStopped(t *testing.T) {
	d := NewDirectory()
	found := make(chan error, 1)
	go func() {
		_, err := d.Wait(t.Context(), "web")
		found <- err
	}()
	d.Apply(Document{Writer: "alpha", Sequence: 1, Stopped: []string{"web"}})
	if err := <-found; !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
	if next, err := NewSelector(d).Select("web"); err != nil {
		t.Error(err)
	} else if _, err := next(); err == nil {
		t.Error("a node is picked")
	}
	if d.Stopped("users") {
		t.Error("a service that nobody knows yet is taken for stopped")
	}
	d.Apply(Document{Writer: "beta", Sequence: 1, Nodes: []plugins.Registration{node("web", "web-2")}})
	if d.Stopped("web") {
		t.Error("a service that runs elsewhere is taken for stopped")
	}
}

func TestTheWriterSaysWhatIsStoppedUntilItIsStarted(t *testing.T) {
	dir := t.TempDir()
	announcer, directory := NewAnnouncer("alpha", dir, quiet()), NewDirectory()
	for _, stopped := range []bool{true, true, false} {
		announcer.SetStopped("web", stopped)
		if err := directory.Seed(dir); err != nil || directory.Stopped("web") != stopped {
			t.Errorf("stopped %t is told as %t, %v", stopped, directory.Stopped("web"), err)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewDirectory().Wait(ctx, "web"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestSelectorTakesTurnsAndSeesChangesAtOnce(t *testing.T) {
	d := NewDirectory()
	d.Apply(Document{Writer: "alpha", Sequence: 1, Nodes: []plugins.Registration{node("web", "web-1"), node("web", "web-2")}})
	next, err := NewSelector(d).Select("web")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 10 {
		picked, err := next()
		if err != nil {
			t.Fatal(err)
		}
		seen[picked.Id]++
	}
	if seen["web-1"] != 5 || seen["web-2"] != 5 {
		t.Errorf("picked %v, want five of each", seen)
	}

	d.Apply(Document{Writer: "alpha", Sequence: 2, Nodes: []plugins.Registration{node("web", "web-2")}})
	for range 4 {
		if picked, err := next(); err != nil || picked.Id != "web-2" {
			t.Fatalf("picked %v (%v) although only web-2 is left", picked, err)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"writer":"alpha","nodes":[{"service":"web"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if document, err := decodeDocument(data); err == nil {
			d := NewDirectory()
			d.Apply(document)
			d.Services()
		}
	})
}
