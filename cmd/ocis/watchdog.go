package main

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// watchdogTicker ticks twice in the interval that systemd allows; without a watchdog
// it never ticks.
func watchdogTicker() *time.Ticker {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		ticker := time.NewTicker(time.Hour)
		ticker.Stop()
		return ticker
	}
	return time.NewTicker(interval / 2)
}
