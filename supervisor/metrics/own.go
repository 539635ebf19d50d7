package metrics

import (
	"os"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/owncloud/ocis-runtime/supervisor/process"
)

func buildInfo(s Sources) *dto.MetricFamily {
	return gauges("ocis_build_info", "Always 1; the labels say what runs.", sample{
		labels("version", s.Version, "revision", s.Revision, "goversion", runtime.Version()), 1,
	})
}

// ownFamilies are about the supervisor's own process, under the names that Prometheus's
// client libraries agreed on.
func ownFamilies(started time.Time) []*dto.MetricFamily {
	families := []*dto.MetricFamily{
		gauges("process_start_time_seconds", "When the runtime started, in seconds since 1970.", sample{value: float64(started.UnixMilli()) / 1000}),
	}
	families = append(families, goFamilies()...)
	if usage, err := process.UsageOf(os.Getpid(), false); err == nil && usage.RSSBytes > 0 {
		families = append(families,
			counters("process_cpu_seconds_total", "User and system time of the supervisor.", sample{value: usage.CPUSeconds}),
			gauges("process_resident_memory_bytes", "Resident memory of the supervisor.", sample{value: float64(usage.RSSBytes)}))
	}
	if open, ok := entries("/proc/self/fd"); ok {
		open-- // the one that reads the folder
		families = append(families, gauges("process_open_fds", "Descriptors that the supervisor has open.", sample{value: float64(open)}))
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		families = append(families, gauges("process_max_fds", "Descriptors that the supervisor may have open.", sample{value: float64(limit.Cur)}))
	}
	if threads, ok := entries("/proc/self/task"); ok {
		families = append(families, gauges("process_threads", "Threads of the supervisor.", sample{value: float64(threads)}))
	}
	return families
}

// entries counts what is in a folder of proc(5); elsewhere there is none.
func entries(folder string) (int, bool) {
	list, err := os.ReadDir(folder)
	return len(list), err == nil
}

// goFamilies come from runtime/metrics, which stops nothing.
func goFamilies() []*dto.MetricFamily {
	read := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
	}
	metrics.Read(read)
	return []*dto.MetricFamily{
		gauges("go_goroutines", "Goroutines of the supervisor.", sample{value: float64(read[0].Value.Uint64())}),
		gauges("go_memstats_heap_alloc_bytes", "Memory of the supervisor's live objects, and of dead ones not yet freed.", sample{value: float64(read[1].Value.Uint64())}),
		gauges("go_memstats_sys_bytes", "Memory that the supervisor's Go runtime has taken from the system.", sample{value: float64(read[2].Value.Uint64())}),
	}
}
