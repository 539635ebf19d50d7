// Package registry is the go-micro registry of the family: it knows which services are
// ready and where.
//
// Truth has one writer per machine: the supervisor, which sees children become ready
// and sees them exit. It announces one Document, the full list of its ready nodes, so
// that an update can never lose another instance's entry. A Directory collects the
// documents of all writers in memory and answers every lookup from there.
//
// A process learns of documents in two ways: from the snapshot file in the run
// directory, which is there before the process starts, so that discovery needs no
// NATS on one machine; and from NATS, where writers publish each change and answer
// every follower that (re)connects. While NATS is away the snapshot is followed instead.
//
// It does not guarantee that a listed node answers: a process can die between the
// lookup and the call. Callers must be ready for that.
package registry
