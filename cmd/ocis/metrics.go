package main

import (
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/metrics"
)

// newCollector lets the metrics ask this supervisor.
func newCollector(sup *supervisor.Supervisor, recorder *metrics.Recorder, log *logrus.Logger) *metrics.Collector {
	v := versionOf()
	return metrics.NewCollector(recorder, metrics.Sources{
		Instances: sup.List, Queues: sup.Queues, Version: v.Version, Revision: v.Revision,
	}, log.WithField("component", "metrics"))
}

// serveMetrics serves the metrics on an address of their own, if they have one.
func serveMetrics(address string, collector *metrics.Collector, log *logrus.Logger) (close func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	entry := log.WithField("component", "metrics")
	server, err := metrics.Listen(address, collector, entry)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := server.Close(); err != nil {
			entry.WithError(err).Warn("the metrics did not close cleanly")
		}
	}, nil
}
