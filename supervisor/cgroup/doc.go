// Package cgroup gives each child a control group of its own, in which the kernel limits
// what the child and its descendants take of the machine.
//
// It owns the groups: where they can be made and why not (Support), making, using again and
// removing them (Groups), and the birth of a child in one (Group.Place). It works with
// version 1 and version 2 of control groups. It leaves to others how much a child may have,
// and what the end of a child means that took too much.
//
// It does not guarantee that there is a limit: where this process may make no groups, and
// where a child cannot be placed, the child runs without, and the reason is told.
package cgroup
