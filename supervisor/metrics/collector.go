package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/sockets"
)

// ContentType is that of what Scrape returns: the Prometheus text format 0.0.4.
var ContentType = string(expfmt.NewFormat(expfmt.TypeTextPlain))

// scrapeBound is how long a scrape waits for another one.
const scrapeBound = 5 * time.Second

// Sources are asked at each scrape.
type Sources struct {
	Instances func() []client.Instance
	Queues    func() ([]sockets.Queue, error)
	Version   string // of this binary
	Revision  string // of its source; may be empty
}

// Collector puts together what a scrape sees. It is safe for concurrent use.
type Collector struct {
	recorder *Recorder
	sources  Sources
	log      *logrus.Entry
	started  time.Time
	slot     chan struct{} // holds the right to scrape
	memory   *memoryReader // of the slot's owner
	cpu      *cpuCounter   // of the slot's owner
	warn     sync.Once
}

// NewCollector returns one for a runtime that starts now.
func NewCollector(recorder *Recorder, sources Sources, log *logrus.Entry) *Collector {
	return &Collector{
		recorder: recorder, sources: sources, log: log, started: time.Now(),
		slot: make(chan struct{}, 1), memory: newMemoryReader(), cpu: newCPUCounter(),
	}
}

// Scrape returns all metrics in the text format. One scrape is made at a time, so that
// they cannot take the machine; it fails when others take too long, or ctx is done.
func (c *Collector) Scrape(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, scrapeBound, errors.New("other scrapes take too long"))
	defer cancel()
	select {
	case c.slot <- struct{}{}:
		defer func() { <-c.slot }()
	case <-ctx.Done():
		return nil, fmt.Errorf("metrics: %w", context.Cause(ctx))
	}
	var page bytes.Buffer
	for _, f := range c.families() {
		if len(f.Metric) == 0 {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&page, f); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return page.Bytes(), nil
}

func (c *Collector) families() []*dto.MetricFamily {
	instances := c.sources.Instances()
	families := []*dto.MetricFamily{buildInfo(c.sources)}
	families = append(families, c.instanceFamilies(instances)...)
	families = append(families, recordedFamilies(c.recorder.snapshot())...)
	families = append(families, c.queueFamilies()...)
	return append(families, ownFamilies(c.started)...)
}

// statuses are all that an instance can be in.
var statuses = []client.Status{
	client.StatusStarting, client.StatusReady, client.StatusUnhealthy, client.StatusStopping,
	client.StatusStopped, client.StatusBackoff, client.StatusFailed,
}

// instanceFamilies say what `ocis list` says. An instance's processes that were replaced and
// still drain count for what it takes, and for nothing else.
func (c *Collector) instanceFamilies(instances []client.Instance) []*dto.MetricFamily {
	var status, restarts, rss, pss, cpu []sample
	taken, seconds := c.memoryOf(instances), c.cpu.read(instances)
	for _, i := range instances {
		if i.Replaced() {
			continue
		}
		of := named{i.Service, i.Instance}
		for _, s := range statuses {
			is := 0.0
			if i.Status == s {
				is = 1
			}
			status = append(status, sample{of.labels("status", string(s)), is})
		}
		restarts = append(restarts, sample{of.labels(), float64(i.Restarts)})
		if bytes, ok := taken[of]; ok {
			rss = append(rss, sample{of.labels(), float64(bytes.resident)})
			if bytes.proportional > 0 {
				pss = append(pss, sample{of.labels(), float64(bytes.proportional)})
			}
		}
		if spent, ok := seconds[of]; ok {
			cpu = append(cpu, sample{of.labels(), spent})
		}
	}
	return []*dto.MetricFamily{
		gauges("ocis_instance_status", "1 for the state that the instance is in, 0 for the others.", status...),
		counters("ocis_instance_restarts_total", "Starts of a process after the first.", restarts...),
		gauges("ocis_instance_resident_memory_bytes", "Resident memory of the instance's processes, with shared pages counted in full.", rss...),
		gauges("ocis_instance_proportional_memory_bytes", "Resident memory of the instance's processes, with shared pages divided among their users.", pss...),
		counters("ocis_instance_cpu_seconds_total", "User and system time of the instance's processes.", cpu...),
	}
}

// taken is the memory of an instance's processes, in bytes.
type taken struct {
	resident     uint64
	proportional uint64 // 0: not known
}

// memoryOf adds up what the processes of each instance take that has any.
func (c *Collector) memoryOf(instances []client.Instance) map[named]taken {
	proportional := c.memory.read(instances)
	sums := make(map[named]taken, len(instances))
	for _, i := range instances {
		if i.Pid == 0 {
			continue
		}
		of := named{i.Service, i.Instance}
		sum := sums[of]
		sum.resident += i.RSSBytes
		sum.proportional += proportional[i.Incarnation]
		sums[of] = sum
	}
	return sums
}

// recordedFamilies say what happened between scrapes.
func recordedFamilies(tallies []tally) []*dto.MetricFamily {
	var exits []sample
	ready := family("ocis_instance_ready_duration_seconds", "Time from the start of a process to its being ready.", dto.MetricType_HISTOGRAM)
	health := family("ocis_instance_health_duration_seconds", "Time that an answer to a health check took.", dto.MetricType_HISTOGRAM)
	for _, t := range tallies {
		for _, reason := range t.reasons() {
			exits = append(exits, sample{t.labels("reason", reason), float64(t.exits[reason])})
		}
		addHistogram(ready, t.named, t.ready)
		addHistogram(health, t.named, t.health)
	}
	return []*dto.MetricFamily{
		counters("ocis_instance_exits_total", "Ends of processes, by what ended them.", exits...), ready, health,
	}
}

// queueFamilies say who waits at the sockets.
func (c *Collector) queueFamilies() []*dto.MetricFamily {
	queues, err := c.sources.Queues()
	if err != nil {
		c.warn.Do(func() { c.log.WithError(err).Warn("metrics lack the queues of some sockets") })
	}
	var waiting, limit []sample
	for _, q := range queues {
		of := labels("service", q.Service, "socket", q.Socket)
		waiting = append(waiting, sample{of, float64(q.Waiting)})
		limit = append(limit, sample{of, float64(q.Limit)})
	}
	return []*dto.MetricFamily{
		gauges("ocis_socket_waiting_connections", "Connections that wait to be accepted from a socket that the runtime holds.", waiting...),
		gauges("ocis_socket_waiting_connections_limit", "Connections that the kernel lets wait at the socket.", limit...),
	}
}
