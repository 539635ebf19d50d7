package metrics

import (
	"slices"
	"time"
)

// The upper bounds of the histograms' buckets, in seconds. Those of readyBounds are around
// what a restart may take, those of healthBounds end at the default health timeout.
var (
	readyBounds  = []float64{0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1, 2.5, 5, 10, 30}
	healthBounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3}
)

// histogram counts durations by size.
type histogram struct {
	bounds []float64 // ascending
	counts []uint64  // of each bucket alone; the last one is for what is above all bounds
	sum    float64   // seconds
}

func newHistogram(bounds []float64) histogram {
	return histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

// observe counts a duration. A bound belongs to its bucket.
func (h *histogram) observe(took time.Duration) {
	seconds := max(0, took.Seconds())
	bucket, _ := slices.BinarySearch(h.bounds, seconds)
	h.counts[bucket]++
	h.sum += seconds
}

func (h *histogram) count() uint64 {
	var all uint64
	for _, n := range h.counts {
		all += n
	}
	return all
}

func (h *histogram) clone() histogram {
	return histogram{bounds: h.bounds, counts: slices.Clone(h.counts), sum: h.sum}
}
