//go:build !linux

package cgroup

import "syscall"

// Examine says that there are no limits.
func Examine(Controller) Support { return Support{By: ByNone, Reason: "only Linux has control groups"} }

// Groups are none.
type Groups struct{}

// Open returns no groups.
func Open(string) *Groups { return &Groups{} }

// Support says why.
func (*Groups) Support(c Controller) Support { return Examine(c) }

// Take returns nil.
func (*Groups) Take(string, Limits) *Group { return nil }

// Spare does nothing.
func (*Groups) Spare(string, Limits) {}

// Forget does nothing.
func (*Groups) Forget(string) {}

// Close does nothing.
func (*Groups) Close() {}

// Group is never made.
type Group struct{}

// Limits returns none.
func (*Group) Limits() Limits { return Limits{} }

// Without returns nil.
func (*Group) Without(Controller) error { return nil }

// Place forks.
func (*Group) Place(_ *syscall.SysProcAttr, fork func() error) error { return fork() }

// Kills returns 0.
func (*Group) Kills() uint64 { return 0 }

// Release does nothing.
func (*Group) Release() error { return nil }
