// Package control is the runtime's API for people and programs: HTTP and JSON on a unix
// socket in the run directory, described in docs/control-api.yaml.
//
// It owns the routes, the streams of events and log lines, and who may connect: the
// user whom the runtime belongs to, and root. What the calls do is done by package
// supervisor; the JSON types are those of package client, the metrics those of package metrics.
//
// A slow reader of a stream loses events rather than delaying the supervisor; it sees
// the gap in their sequence numbers.
package control
