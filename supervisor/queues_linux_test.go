package supervisor

import (
	"net"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestWhoWaitsForAServiceThatDoesNotAcceptIsCounted(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"deaf": {behaviour: "never ready"}, "web": {}})
	r.awaitStatus("web", client.StatusReady)
	waiting := func() map[string]int {
		queues, err := r.Queues()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int{}
		for _, q := range queues {
			found[q.Service] = q.Waiting
		}
		return found
	}
	for range 3 {
		conn, err := net.Dial("unix", r.paths.Socket("deaf", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if found := waiting(); len(found) != 2 || found["deaf"] != 3 || found["web"] != 0 {
		t.Errorf("waiting: %v", found)
	}
	if err := r.Kill(t.Context(), "deaf"); err != nil {
		t.Fatal(err)
	}
	if found := waiting(); len(found) != 1 {
		t.Errorf("a socket that was released has a queue: %v", found)
	}
}
