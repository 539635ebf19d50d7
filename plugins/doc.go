// Package plugins is the contract between a supervisor and the processes that it
// keeps alive, and the kit with which a service fulfils it.
//
// It owns the handshake (go-plugin over net/rpc on a unix socket), the four calls of
// the contract (Describe, WaitReady, Health, Shutdown) with both of their ends, the
// passing of listening sockets, and what a child does when nobody supervises it: it
// binds its own sockets and runs in the foreground.
//
// It knows neither the supervisor nor any service. Starting and ending processes,
// restart decisions and log files are the supervisor's; what a service does between
// Run's start and its end is the service's.
//
// It does not guarantee that a child obeys: Shutdown asks, only the supervisor's
// signals make sure.
package plugins
