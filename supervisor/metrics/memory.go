package metrics

import (
	"slices"
	"time"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

const (
	// memoryBudget is what one scrape may spend on proportional memory: the kernel walks
	// the page tables of the process for it.
	memoryBudget = 500 * time.Millisecond
	// memoryAge is how long a value is good, however often it is asked for.
	memoryAge = 5 * time.Second
)

// memoryReader reads the proportional memory (PSS) of processes, within its bounds. It is
// not safe for concurrent use.
type memoryReader struct {
	measure func(pid int) uint64 // bytes; 0: not known
	now     func() time.Time
	values  map[string]memoryValue // by incarnation
}

type memoryValue struct {
	bytes uint64
	at    time.Time // zero: never read
}

func newMemoryReader() *memoryReader {
	return &memoryReader{measure: proportionalMemory, now: time.Now, values: map[string]memoryValue{}}
}

func proportionalMemory(pid int) uint64 {
	usage, err := process.UsageOf(pid, true)
	if err != nil {
		return 0 // it has ended
	}
	return usage.PSSBytes
}

// read returns the bytes of each incarnation that is known. The oldest values are read
// anew first; when the budget is spent the others stand as they are.
func (m *memoryReader) read(instances []client.Instance) map[string]uint64 {
	age := func(a, b client.Instance) int {
		return m.values[a.Incarnation].at.Compare(m.values[b.Incarnation].at)
	}
	began := m.now()
	values := make(map[string]memoryValue, len(instances))
	known := make(map[string]uint64, len(instances))
	for _, i := range slices.SortedStableFunc(slices.Values(instances), age) {
		if i.Pid == 0 {
			continue
		}
		value, now := m.values[i.Incarnation], m.now()
		if now.Sub(value.at) >= memoryAge && now.Sub(began) < memoryBudget {
			value = memoryValue{m.measure(i.Pid), now}
		}
		values[i.Incarnation] = value
		if value.bytes > 0 {
			known[i.Incarnation] = value.bytes
		}
	}
	m.values = values // those of incarnations that are gone are forgotten
	return known
}
