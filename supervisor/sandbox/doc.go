// Package sandbox confines a child to what its profile grants it, and says which layers
// of that are in force.
//
// It owns three things: the plan of a sandbox, which is data (NewPlan); the stage, in which
// the main binary, executed once more, builds the sandbox around itself and then becomes
// the child's program (Wrap, Stage); and the report of what the kernel enforces. It leaves
// to others who is isolated and what a profile says (package plugins), the control group
// (package cgroup), and what a missing layer means for the service.
//
// The program sees a file tree of its own with only what the plan names, no network
// interface, no other process, and has no capabilities; Landlock and a seccomp filter stand
// behind that, and hold on kernels and in containers that give no namespaces.
//
// It does not protect the kernel from itself, what a peer does for whoever may connect to
// it, nor the data that the profile gives to the service.
package sandbox
