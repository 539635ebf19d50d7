//go:build !linux

package cgroup

import "syscall"

// notHere says why.
const notHere = "only Linux has control groups"

// Examine says that there are no hard limits.
func Examine() Support { return Support{By: ByNone, Reason: notHere} }

// Groups are none.
type Groups struct{}

// Open returns no groups.
func Open(string) *Groups { return &Groups{} }

// Support says why.
func (*Groups) Support() Support { return Examine() }

// Take returns nil.
func (*Groups) Take(string, uint64) (*Group, error) { return nil, nil }

// Spare does nothing.
func (*Groups) Spare(string, uint64) error { return nil }

// Forget does nothing.
func (*Groups) Forget(string) {}

// Close does nothing.
func (*Groups) Close() {}

// Group is never made.
type Group struct{}

// HardBytes returns 0.
func (*Group) HardBytes() uint64 { return 0 }

// Outside returns nil.
func (*Group) Outside() error { return nil }

// Place forks.
func (*Group) Place(_ *syscall.SysProcAttr, fork func() error) error { return fork() }

// Kills returns 0.
func (*Group) Kills() uint64 { return 0 }

// Release does nothing.
func (*Group) Release() error { return nil }
