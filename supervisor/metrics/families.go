package metrics

import (
	"math"

	dto "github.com/prometheus/client_model/go"
)

// sample is one value with its labels.
type sample struct {
	labels []*dto.LabelPair
	value  float64
}

// labels makes pairs of alternating names and values.
func labels(pairs ...string) []*dto.LabelPair {
	made := make([]*dto.LabelPair, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		made = append(made, &dto.LabelPair{Name: new(pairs[i]), Value: new(pairs[i+1])})
	}
	return made
}

func family(name, help string, kind dto.MetricType) *dto.MetricFamily {
	return &dto.MetricFamily{Name: new(name), Help: new(help), Type: new(kind)}
}

// gauges makes a family of values that go up and down.
func gauges(name, help string, samples ...sample) *dto.MetricFamily {
	f := family(name, help, dto.MetricType_GAUGE)
	for _, s := range samples {
		f.Metric = append(f.Metric, &dto.Metric{Label: s.labels, Gauge: &dto.Gauge{Value: new(s.value)}})
	}
	return f
}

// counters makes a family of values that only grow.
func counters(name, help string, samples ...sample) *dto.MetricFamily {
	f := family(name, help, dto.MetricType_COUNTER)
	for _, s := range samples {
		f.Metric = append(f.Metric, &dto.Metric{Label: s.labels, Counter: &dto.Counter{Value: new(s.value)}})
	}
	return f
}

// addHistogram adds one that has counted something to a family of them.
func addHistogram(f *dto.MetricFamily, of named, h histogram) {
	if h.count() == 0 {
		return
	}
	exposed := &dto.Histogram{SampleCount: new(h.count()), SampleSum: new(h.sum)}
	var upTo uint64
	for i, n := range h.counts {
		bound := math.Inf(1)
		if i < len(h.bounds) {
			bound = h.bounds[i]
		}
		upTo += n
		exposed.Bucket = append(exposed.Bucket, &dto.Bucket{UpperBound: new(bound), CumulativeCount: new(upTo)})
	}
	f.Metric = append(f.Metric, &dto.Metric{Label: of.labels(), Histogram: exposed})
}

func (n named) labels(more ...string) []*dto.LabelPair {
	return labels(append([]string{"service", n.service, "instance", n.instance}, more...)...)
}
