package metrics

import (
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestCPUTimeOfAnInstanceIsThatOfAllItsProcesses(t *testing.T) {
	web := named{"web", "web-1"}
	process := func(pid int, incarnation string, seconds float64) client.Instance {
		return client.Instance{Service: "web", Instance: "web-1", Pid: pid, Incarnation: incarnation, CPUSeconds: seconds}
	}
	c := newCPUCounter()
	for _, step := range []struct {
		name string
		rows []client.Instance
		want float64
	}{
		{"one", []client.Instance{process(1, "a", 4)}, 4},
		{"it works", []client.Instance{process(1, "a", 5)}, 5},
		{"it drains beside its replacement", []client.Instance{process(2, "b", 1), process(1, "a", 6)}, 7},
		{"it ends while it is looked at", []client.Instance{process(2, "b", 2), process(1, "a", 0)}, 8},
		{"it has ended", []client.Instance{process(2, "b", 2)}, 8},
		{"none is there", []client.Instance{process(0, "b", 0)}, 8},
		{"one with the pid of the first", []client.Instance{process(1, "c", 1)}, 9},
	} {
		if got := c.read(step.rows)[web]; got != step.want {
			t.Errorf("%s: %v seconds, want %v", step.name, got, step.want)
		}
	}
	if len(c.running) != 1 || len(c.past) != 1 {
		t.Errorf("it remembers %v and %v", c.running, c.past)
	}
}
