//go:build !linux

package process

import (
	"errors"
	"time"
)

// Identify is not to be had here, so no process of an earlier runtime is ever touched.
func Identify(int) (Identity, error) {
	return Identity{}, errors.New("the start time of processes is known on Linux only")
}

func (i Identity) waitGone(time.Duration) error { return nil }

// FindByEnvironment is not known how to do here: it finds nobody.
func FindByEnvironment(...string) []Identity { return nil }

// EndDescendants is not known how to do here: it ends nobody.
func EndDescendants(string, time.Duration) (int, error) { return 0, nil }

// EndCarriers is not known how to do here: it ends nobody.
func EndCarriers([]string, time.Duration) (int, error) { return 0, nil }
