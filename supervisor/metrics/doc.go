// Package metrics tells monitoring how the runtime does, in the Prometheus text format.
//
// It owns the names of the metrics, which are a contract like those of the control API,
// what is counted between two scrapes (Recorder), and what is asked for at a scrape
// (Collector): the kernel about memory and queues, the runtime about states. It can serve
// them on a TCP address as well (Server); on the control socket package control does.
//
// The format is written by Prometheus's own encoder. The counters are our own, because the
// client library's initialisation would be paid by each child: see
// docs/decisions/metrics-without-the-client-library.md.
//
// Counters begin at zero with the runtime. A scrape that comes while something happens may
// see one half of it.
package metrics
