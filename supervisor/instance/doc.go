// Package instance keeps one instance of a service running: one child after the other.
//
// It owns the state machine of an instance, and does what it says: start, watch, stop,
// wait, start again. All of that happens in one goroutine, Serve, which takes commands
// and the news of the present child; news of an earlier child cannot reach it. It is
// a suture service.
//
// It leaves the single child to package child, the decision after an exit to package
// restart, and what others see of it (registry, records, log lines) to its Observer.
package instance
