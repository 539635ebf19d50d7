package metrics

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/sockets"
)

// two are a service that runs and one that does not.
var two = []client.Instance{
	{Service: "web", Instance: "web-1", Status: client.StatusReady, Pid: os.Getpid(), Incarnation: "x", Restarts: 3, RSSBytes: 5 << 20, CPUSeconds: 1.5},
	{Service: "users", Instance: "users-1", Status: client.StatusBackoff, Restarts: 9},
}

func collector(t *testing.T, recorder *Recorder) *Collector {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	return NewCollector(recorder, Sources{
		Instances: func() []client.Instance { return two },
		Queues: func() ([]sockets.Queue, error) {
			return []sockets.Queue{{Service: "web", Waiting: 2, Limit: 4096}, {Service: "web", Socket: "tickets", Limit: 128}}, nil
		},
		Version: `1.2 "beta"` + "\n\\", Revision: "abc",
	}, logrus.NewEntry(log))
}

// busy is a recorder that has seen something of everything.
func busy() *Recorder {
	r := NewRecorder()
	for range 2 {
		r.Exited("web", "web-1", client.Exit{Cause: client.CauseSignal, Code: -1, Signal: "SIGKILL"})
	}
	r.Exited("web", "web-1", client.Exit{Cause: client.CauseNotReady, Code: -1, Signal: "SIGKILL"})
	r.Exited("users", "users-1", client.Exit{Cause: client.CauseExit, Code: 2})
	r.Ready("web", "web-1", "first", 12*time.Millisecond)
	r.Ready("web", "web-1", "first", time.Hour)            // after it was unhealthy
	r.Ready("web", "web-1", "second", 40*time.Millisecond) // a bound belongs to its bucket
	r.Ready("web", "web-1", "third", time.Minute)
	r.HealthAnswered("web", "web-1", 300*time.Microsecond)
	r.HealthAnswered("web", "web-1", -time.Second) // of a clock that was set back
	return r
}

func scrape(t *testing.T, c *Collector) string {
	t.Helper()
	page, err := c.Scrape(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestAScrapeSaysWhatIsAndWhatHappened(t *testing.T) {
	page := scrape(t, collector(t, busy()))
	for _, line := range []string{
		`ocis_build_info{version="1.2 \"beta\"\n\\",revision="abc",goversion="` + runtime.Version() + `"} 1`,
		`ocis_instance_status{service="web",instance="web-1",status="ready"} 1`,
		`ocis_instance_status{service="web",instance="web-1",status="backoff"} 0`,
		`ocis_instance_status{service="users",instance="users-1",status="backoff"} 1`,
		`ocis_instance_restarts_total{service="users",instance="users-1"} 9`,
		`ocis_instance_resident_memory_bytes{service="web",instance="web-1"} 5.24288e+06`,
		`ocis_instance_cpu_seconds_total{service="web",instance="web-1"} 1.5`,
		`ocis_instance_exits_total{service="web",instance="web-1",reason="SIGKILL"} 2`,
		`ocis_instance_exits_total{service="web",instance="web-1",reason="not ready"} 1`,
		`ocis_instance_exits_total{service="users",instance="users-1",reason="exit 2"} 1`,
		`ocis_instance_ready_duration_seconds_bucket{service="web",instance="web-1",le="0.01"} 0`,
		`ocis_instance_ready_duration_seconds_bucket{service="web",instance="web-1",le="0.02"} 1`,
		`ocis_instance_ready_duration_seconds_bucket{service="web",instance="web-1",le="0.04"} 2`,
		`ocis_instance_ready_duration_seconds_bucket{service="web",instance="web-1",le="30"} 2`,
		`ocis_instance_ready_duration_seconds_bucket{service="web",instance="web-1",le="+Inf"} 3`,
		`ocis_instance_ready_duration_seconds_sum{service="web",instance="web-1"} 60.052`,
		`ocis_instance_ready_duration_seconds_count{service="web",instance="web-1"} 3`,
		`ocis_instance_health_duration_seconds_sum{service="web",instance="web-1"} 0.0003`,
		`ocis_instance_health_duration_seconds_count{service="web",instance="web-1"} 2`,
		`ocis_socket_waiting_connections{service="web",socket=""} 2`,
		`ocis_socket_waiting_connections_limit{service="web",socket="tickets"} 128`,
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("there is no line\n%s", line)
		}
	}
	for _, absent := range []string{`memory_bytes{service="users"`, `cpu_seconds_total{service="users"`, `ready_duration_seconds_count{service="users"`} {
		if strings.Contains(page, absent) {
			t.Errorf("a process that does not run, or was never ready, has %s", absent)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// parsed reads a page with Prometheus's own parser.
func parsed(t *testing.T, page string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	return families
}

func TestPrometheusUnderstandsIt(t *testing.T) {
	page := scrape(t, collector(t, busy()))
	families := parsed(t, page)
	for name, f := range families {
		if seen := map[string]bool{}; f.GetHelp() == "" {
			t.Errorf("%s says nothing about itself", name)
		} else {
			for _, m := range f.Metric {
				key := ""
				for _, l := range m.Label {
					key += l.GetName() + "=" + l.GetValue() + ";"
				}
				if seen[key] {
					t.Errorf("%s{%s} is there twice", name, key)
				}
				seen[key] = true
			}
		}
	}
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestTheSupervisorTellsAboutItself(t *testing.T) {
	families := parsed(t, scrape(t, collector(t, NewRecorder())))
	want := []string{"process_start_time_seconds", "process_max_fds", "go_goroutines", "go_memstats_heap_alloc_bytes", "go_memstats_sys_bytes"}
	if runtime.GOOS == "linux" {
		want = append(want, "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_threads")
	}
	for _, name := range want {
		f, ok := families[name]
		if !ok {
			t.Errorf("there is no %s", name)
		} else if value := f.Metric[0].GetGauge().GetValue() + f.Metric[0].GetCounter().GetValue(); value <= 0 && f.GetType() == dto.MetricType_GAUGE {
			t.Errorf("%s is %v", name, value)
		}
	}
}

func TestAProcessThatWasReplacedCountsUntilItHasGoneAndForNothingElse(t *testing.T) {
	c := collector(t, NewRecorder())
	drains := client.Instance{
		Service: "web", Instance: "web-1", Status: client.StatusStopping, ReplacedBy: "x", Pid: os.Getppid(), Incarnation: "w",
		Restarts: 3, RSSBytes: 3 << 20, CPUSeconds: 2,
	}
	c.sources.Instances = func() []client.Instance { return []client.Instance{two[0], drains, two[1]} }
	page := scrape(t, c)
	for _, line := range []string{
		`ocis_instance_status{service="web",instance="web-1",status="ready"} 1`,
		`ocis_instance_status{service="web",instance="web-1",status="stopping"} 0`,
		`ocis_instance_resident_memory_bytes{service="web",instance="web-1"} 8.388608e+06`,
		`ocis_instance_cpu_seconds_total{service="web",instance="web-1"} 3.5`,
		`ocis_instance_restarts_total{service="web",instance="web-1"} 3`,
	} {
		if strings.Count(page, "\n"+line+"\n") != 1 {
			t.Errorf("there is not one line\n%s", line)
		}
	}
	c.sources.Instances = func() []client.Instance { return two }
	page = scrape(t, c)
	for _, line := range []string{
		`ocis_instance_resident_memory_bytes{service="web",instance="web-1"} 5.24288e+06`,
		`ocis_instance_cpu_seconds_total{service="web",instance="web-1"} 3.5`,
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("when it has gone there is no line\n%s", line)
		}
	}
}

func TestWhatNeverHappenedHasNoFamily(t *testing.T) {
	page := scrape(t, collector(t, NewRecorder()))
	for _, name := range []string{"exits_total", "ready_duration", "health_duration"} {
		if strings.Contains(page, name) {
			t.Errorf("there is a %s", name)
		}
	}
}

func TestQueuesThatCannotBeReadAreToldOnceAndLeftOut(t *testing.T) {
	var told bytes.Buffer
	log := logrus.New()
	log.SetOutput(&told)
	c := collector(t, NewRecorder())
	c.log = logrus.NewEntry(log)
	c.sources.Queues = func() ([]sockets.Queue, error) { return nil, errors.New("no such module") }
	for range 2 {
		if page := scrape(t, c); strings.Contains(page, "ocis_socket") || !strings.Contains(page, "ocis_instance_status") {
			t.Error(page)
		}
	}
	if strings.Count(told.String(), "no such module") != 1 {
		t.Error(told.String())
	}
}

func TestOneScrapeIsMadeAtATime(t *testing.T) {
	c := collector(t, NewRecorder())
	var inside sync.Mutex
	c.sources.Instances = func() []client.Instance {
		if !inside.TryLock() {
			t.Error("two scrapes at once")
			return nil
		}
		defer inside.Unlock()
		time.Sleep(time.Millisecond) // gives others the time to be wrong
		return two
	}
	var scraping sync.WaitGroup
	for range 8 {
		scraping.Go(func() {
			if _, err := c.Scrape(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	scraping.Wait()
}

func TestAScrapeDoesNotWaitLongerThanItsClient(t *testing.T) {
	c := collector(t, NewRecorder())
	inside, proceed := make(chan struct{}), make(chan struct{})
	c.sources.Instances = func() []client.Instance {
		inside <- struct{}{}
		<-proceed
		return nil
	}
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := c.Scrape(t.Context()); err != nil {
			t.Error(err)
		}
	})
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Scrape(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(proceed)
	first.Wait()
}

func TestCountingAndScrapingAtOnceLosesNothing(t *testing.T) {
	r := NewRecorder()
	c := collector(t, r)
	const writers, each = 8, 200
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range each {
				r.Exited("web", "web-1", client.Exit{Cause: client.CauseHung})
				r.Ready("web", "web-1", rand.Text(), time.Millisecond)
				r.HealthAnswered("web", "web-1", time.Millisecond)
			}
		})
	}
	for range 10 {
		scrape(t, c)
	}
	writing.Wait()
	families := parsed(t, scrape(t, c))
	exits := families["ocis_instance_exits_total"].Metric[0].GetCounter().GetValue()
	ready := families["ocis_instance_ready_duration_seconds"].Metric[0].GetHistogram().GetSampleCount()
	health := families["ocis_instance_health_duration_seconds"].Metric[0].GetHistogram().GetSampleCount()
	if exits != writers*each || ready != writers*each || health != writers*each {
		t.Errorf("%v exits, %d starts, %d answers; want %d of each", exits, ready, health, writers*each)
	}
}

// isMetric matches how the names of metrics begin.
var isMetric = regexp.MustCompile("^(ocis|process|go)_")

func TestTheManualListsExactlyTheMetrics(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(manual)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, name := range strings.FieldsFunc(cells[1], func(r rune) bool { return strings.ContainsRune("`, ", r) }) {
			if isMetric.MatchString(name) {
				documented = append(documented, name)
			}
		}
	}
	slices.Sort(documented)
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of them")
	}
	if served := slices.Sorted(maps.Keys(parsed(t, scrape(t, collector(t, busy()))))); !slices.Equal(documented, served) {
		t.Errorf("documented %q\nserved     %q", documented, served)
	}
}

func BenchmarkHealthAnswered(b *testing.B) {
	r := NewRecorder()
	for b.Loop() {
		r.HealthAnswered("web", "web-1", time.Millisecond)
	}
}

func BenchmarkScrapeOf300Instances(b *testing.B) {
	r := NewRecorder()
	instances := running(300)
	for i := range instances {
		instances[i].Service, instances[i].Instance = "web", instances[i].Incarnation
		r.Ready("web", instances[i].Incarnation, instances[i].Incarnation, time.Millisecond)
		r.HealthAnswered("web", instances[i].Incarnation, time.Millisecond)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	c := NewCollector(r, Sources{
		Instances: func() []client.Instance { return instances },
		Queues:    func() ([]sockets.Queue, error) { return nil, nil },
	}, logrus.NewEntry(log))
	for b.Loop() {
		if _, err := c.Scrape(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
