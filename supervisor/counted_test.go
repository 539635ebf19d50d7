package supervisor

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
)

// scrape returns what monitoring sees of the runtime.
func (r *runtime) scrape() string {
	r.t.Helper()
	sources := metrics.Sources{Instances: r.List, Queues: r.Queues}
	page, err := metrics.NewCollector(r.options.Recorder, sources, logrus.NewEntry(r.options.Log)).Scrape(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return string(page)
}

// awaitMetric waits for a value of one of web's metrics.
func (r *runtime) awaitMetric(name, label string, value int) {
	r.t.Helper()
	line := fmt.Sprintf("\n%s{service=\"web\",instance=\"web-1\"%s} %d\n", name, label, value)
	r.await("there is the line"+line, func() bool { return strings.Contains(r.scrape(), line) })
}

func TestEveryEndIsCountedWithItsReason(t *testing.T) {
	for name, c := range map[string]struct {
		behaviour string
		do        func(*runtime) error
	}{
		"SIGKILL":    {do: func(r *runtime) error { return r.Crash(r.t.Context(), "web", syscall.SIGKILL) }},
		"hung":       {do: func(r *runtime) error { return r.Crash(r.t.Context(), "web", syscall.SIGSTOP) }},
		"asked":      {do: func(r *runtime) error { return r.Kill(r.t.Context(), "web") }},
		"exit other": {behaviour: "exit 3"},
		"exit 2":     {behaviour: "exit 2"},
		"not ready":  {behaviour: "never ready"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRuntime(t, map[string]testChild{"web": {behaviour: c.behaviour, change: func(d *plugins.Declaration) {
				d.Restart, d.ReadyTimeout = plugins.RestartNever, 2*time.Second
			}}})
			if c.do != nil {
				r.awaitReady()
				if err := c.do(r); err != nil {
					t.Fatal(err)
				}
			}
			r.awaitMetric("ocis_instance_exits_total", `,reason="`+name+`"`, 1)
			if page := r.scrape(); strings.Count(page, "\nocis_instance_exits_total{") != 1 {
				t.Error(page)
			}
		})
	}
}

func TestStartsAndHealthAnswersAreCounted(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if err := r.Crash(t.Context(), "web", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.awaitMetric("ocis_instance_restarts_total", "", 1)
	r.awaitStatus("web", client.StatusReady)
	if err := r.Restart(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	r.awaitMetric("ocis_instance_ready_duration_seconds_count", "", 3)
	r.awaitMetric("ocis_instance_restarts_total", "", 2)
	r.awaitMetric("ocis_instance_exits_total", `,reason="asked"`, 1)
	answered := `ocis_instance_health_duration_seconds_count{service="web",instance="web-1"}`
	for deadline := time.Now().Add(patience); !strings.Contains(r.scrape(), answered); { // there is no event to wait for
		if time.Now().After(deadline) {
			t.Fatal(r.scrape())
		}
		time.Sleep(10 * time.Millisecond)
	}
}
