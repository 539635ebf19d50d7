// Package memory keeps the runtime and its children within a budget, so that a child
// without measure is ended alone, and it says afterwards that this was why.
//
// It owns three things: how much there is (Machine), how it is split (Split), and the
// verdict on an end (OutOfMemory). It leaves the enforcement of hard limits to package
// cgroup, and to the supervisor when children start and end.
//
// Each child has two limits. The soft one is told to Go's garbage collector
// (GOMEMLIMIT), which then works harder; programs that are not written in Go do not see
// it. The hard one is the kernel's: whoever passes it is killed.
//
// It does not guarantee that the sum of all children stays below the budget: a running
// child keeps the limits that it was born with when others are added, and no child gets
// less than Floor.
package memory
