// Package child is one incarnation of a service's process: from exec to exit, seen from
// the supervisor.
//
// It owns the exec with its descriptors and environment, the go-plugin handshake, the
// calls of the contract with their deadlines, and the ladder that ends a process:
// Shutdown, SIGTERM, SIGKILL, each with a bound. It leaves to package instance when to
// start, what to do after an exit, and what is recorded.
//
// go-plugin starts the process through a runner of ours, because its own one waits for
// pipes before it sees an exit, signals one process instead of the group, and gives it two
// seconds to end.
package child
