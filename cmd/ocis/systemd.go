package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/supervisor"
)

// notifySystemd tells systemd when everything has started, or failed to: one service that
// cannot must not let systemd end the others. It tells when it begins to stop, and while
// every keeper of an instance answers (sd_notify(3)). Without NOTIFY_SOCKET it does nothing.
func notifySystemd(sup *supervisor.Supervisor, log *logrus.Logger, ended <-chan struct{}) {
	watchdog, interval := watchdogTicker()
	defer watchdog.Stop()
	started, stopping := sup.Settled(), sup.Stopping()
	for {
		select {
		case <-started:
			started = nil
			tellSystemd(daemon.SdNotifyReady)
		case <-stopping:
			started, stopping = nil, nil
			tellSystemd(daemon.SdNotifyStopping)
		case <-watchdog.C:
			feedWatchdog(sup, log, interval)
		case <-ended:
			return
		}
	}
}

func tellSystemd(state string) { _, _ = daemon.SdNotify(false, state) } // nobody may listen

// feedWatchdog asks every keeper first: what hangs feeds no watchdog.
func feedWatchdog(sup *supervisor.Supervisor, log *logrus.Logger, bound time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	if err := sup.Ping(ctx); err != nil {
		log.WithError(err).Warn("systemd's watchdog is not fed")
		return
	}
	tellSystemd(daemon.SdNotifyWatchdog)
}

// watchdogTicker ticks twice in the time that systemd allows, and returns the interval;
// without a watchdog it never ticks.
func watchdogTicker() (*time.Ticker, time.Duration) {
	allowed, err := daemon.SdWatchdogEnabled(false)
	if err != nil || allowed <= 0 {
		ticker := time.NewTicker(time.Hour)
		ticker.Stop()
		return ticker, 0
	}
	return time.NewTicker(allowed / 2), allowed / 2
}
