// Package tree is the storage engine: one tree of files and directories per user, with
// locks, dead properties, a trash and an outbox of events.
//
// Metadata and small content are in one bbolt database, other content in blob files
// beside it. What holds it together:
//
//   - A change is one transaction. Its conditions, locks and quota are evaluated in it,
//     its event is written in it, and it is acknowledged after it is on disk. Changes
//     that come at the same time share a transaction (writer.go).
//   - Content is synced to disk before the transaction that refers to it, and removed
//     after the one that stops to. A crash in between leaves an unused blob, never a
//     missing one. What was not written to its end the next start removes; what was, it
//     keeps for a while, since an older database may have been put back (unused.go).
//   - An upload outlives the process: its writer has the file, a note beside it says whose
//     it is, and the next process lets it be committed (adopt.go). To ask for a commit once
//     more, after its answer was lost, changes nothing (committed.go).
//   - A blob never changes. A reader opens it inside its read transaction, so metadata
//     and content are of one moment; a copy refers to the same blob.
//   - An entry's key is its parent's id and its name. A directory is one range of keys,
//     and moving or deleting a tree is one key, whatever its size.
//   - Every change gives all ancestors up to the root a new etag and the right size.
//
// The package leaves to others who the user is, the wire, and the way of content
// between processes. It does not bound how long one change takes: copying a tree of a
// million entries keeps all other changes waiting. Stalled tells such a change from one
// that is stuck. Methods take an owner, which they trust. They are safe for concurrent
// use. Requests and responses are the messages of the API.
package tree
