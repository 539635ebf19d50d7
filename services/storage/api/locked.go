package storageapi

import "strings"

// The details of errors with the code 423 name the path that is locked, so that whoever asks
// for the change can name it too.
const (
	lockedSuffix   = " is locked"
	conflictSuffix = " has a lock that another one conflicts with"
)

// Locked is the detail of the refusal to change something that a lock on path covers.
func Locked(path string) string { return path + lockedSuffix }

// Conflicting is the detail of the refusal of a lock because of one that path has.
func Conflicting(path string) string { return path + conflictSuffix }

// LockedPath reads a detail of Locked, or of Conflicting.
func LockedPath(detail string) (path string, conflict, ok bool) {
	if path, ok = strings.CutSuffix(detail, conflictSuffix); ok {
		return path, true, true
	}
	path, ok = strings.CutSuffix(detail, lockedSuffix)
	return path, false, ok
}
