package metrics

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// clock is a time that passes only when something is measured, or when it is told to.
type clock struct {
	time  time.Time
	costs time.Duration // of one measurement
	asked int
}

func (c *clock) now() time.Time { return c.time }

func (c *clock) measure(pid int) uint64 {
	c.time = c.time.Add(c.costs)
	c.asked++
	return uint64(pid) << 20
}

func running(n int) []client.Instance {
	instances := make([]client.Instance, n)
	for i := range instances {
		instances[i] = client.Instance{Pid: i + 1, Incarnation: fmt.Sprint("incarnation ", i+1)}
	}
	return instances
}

func reader(c *clock) *memoryReader {
	return &memoryReader{measure: c.measure, now: c.now, values: map[string]memoryValue{}}
}

func TestMemoryIsNotReadAgainForAMoment(t *testing.T) {
	c := &clock{time: time.Now()}
	m := reader(c)
	first := m.read(running(3))
	c.time = c.time.Add(memoryAge - 1)
	second := m.read(running(3))
	if c.asked != 3 || len(first) != 3 || !maps.Equal(first, second) {
		t.Errorf("%d measurements, %v, then %v", c.asked, first, second)
	}
	c.time = c.time.Add(1)
	if m.read(running(3)); c.asked != 6 {
		t.Errorf("%d measurements after the values' age", c.asked)
	}
}

func TestMemoryOfManyProcessesIsReadInTurns(t *testing.T) {
	c := &clock{time: time.Now(), costs: memoryBudget / 10}
	m := reader(c)
	instances := running(25)
	for scrape, want := range []int{10, 20, 25} {
		if known := m.read(instances); len(known) != want {
			t.Errorf("scrape %d knows %d, want %d", scrape, len(known), want)
		}
		c.time = c.time.Add(memoryAge)
	}
	if c.asked != 30 { // the third had time for five more, the oldest
		t.Errorf("%d measurements", c.asked)
	}
}

func TestMemoryOfAnEarlierIncarnationIsForgotten(t *testing.T) {
	c := &clock{time: time.Now()}
	m := reader(c)
	m.read(running(3))
	stopped := []client.Instance{{Pid: 0, Incarnation: "incarnation 1"}, {Pid: 7, Incarnation: "another"}}
	if known := m.read(stopped); len(known) != 1 || known["another"] != 7<<20 || len(m.values) != 1 {
		t.Errorf("%v, remembered %v", known, m.values)
	}
}

func TestTheKernelTellsTheMemoryOfAProcessUntilItEnds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	if bytes := proportionalMemory(os.Getpid()); bytes < 1<<20 {
		t.Errorf("this test takes %d bytes", bytes)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if bytes := proportionalMemory(ended.Process.Pid); bytes != 0 {
		t.Errorf("a process that has ended takes %d bytes", bytes)
	}
}
