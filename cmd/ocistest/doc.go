// Package ocistest runs the real binary for tests.
//
// It owns the building (once, with the race detector), the starting of `ocis server` on
// a folder and a port of its own, waiting by events instead of sleeping, and the look at
// what is left at the end: no process, no socket, no temporary file, no panic and no data
// race in any log.
//
// It is for tests only; nothing that ships imports it.
package ocistest
