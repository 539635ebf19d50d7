// Package memory keeps the runtime and its children within a budget, so that a child
// without measure is ended alone, and it says afterwards that this was why.
//
// It owns three things: how a budget is split (Split), what of it the kernel enforces
// (Groups: a control group for each child), and the verdict on an end (OutOfMemory). It
// leaves to the supervisor when children start and end, and what is told about them.
//
// Each child has two limits. The soft one is told to Go's garbage collector
// (GOMEMLIMIT), which then works harder; programs that are not written in Go do not see
// it. The hard one is the kernel's: whoever passes it is killed. There is a hard limit
// only where this process may make control groups with the memory controller, of
// version 1 or 2; Support says whether, and if not, why.
//
// It does not guarantee that the sum of all children stays below the budget: a running
// child keeps the limits that it was born with when others are added, and no child gets
// less than Floor.
package memory
