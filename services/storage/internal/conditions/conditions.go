// Package conditions evaluates the preconditions of a request as pure functions of the
// state that they are about.
//
// It leaves to its caller to find that state, in the same transaction as the operation
// that depends on it, and to answer when they do not hold.
package conditions

import (
	"slices"
	"time"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// State is what a condition can be about. The zero value is that of a path where
// nothing is.
type State struct {
	Exists   bool
	Etag     string   // without quotes
	Modified int64    // nanoseconds since 1970
	Tokens   []string // of all locks that cover the resource
}

// EtagsMatch evaluates If-Match and If-None-Match (RFC 9110 sections 13.1.1 and
// 13.1.2); "*" stands for any existing resource, empty lists for no condition.
func EtagsMatch(ifMatch, ifNoneMatch []string, s State) bool {
	return (len(ifMatch) == 0 || oneFits(ifMatch, s)) && !oneFits(ifNoneMatch, s)
}

func oneFits(etags []string, s State) bool {
	return s.Exists && slices.ContainsFunc(etags, func(etag string) bool { return etag == "*" || etag == s.Etag })
}

// Unmodified evaluates If-Unmodified-Since (RFC 9110 section 13.1.4), given in seconds
// since 1970: as clients know the date, without fractions. Where nothing is, nothing was
// modified.
func Unmodified(since int64, s State) bool {
	return !s.Exists || time.Unix(0, s.Modified).Unix() <= since
}

// ListsHold evaluates an If header (RFC 4918 section 10.4): at least one list must
// hold, and it holds when all of its tests do. No list is no condition.
func ListsHold(lists []*storageapi.IfList, state func(path string) State) bool {
	return len(lists) == 0 || slices.ContainsFunc(lists, func(list *storageapi.IfList) bool {
		return len(list.GetTests()) > 0 && listHolds(list.GetTests(), state(list.GetPath()))
	})
}

func listHolds(tests []*storageapi.IfTest, s State) bool {
	for _, test := range tests {
		var holds bool
		switch want := test.GetState().(type) {
		case *storageapi.IfTest_Token:
			holds = slices.Contains(s.Tokens, want.Token)
		case *storageapi.IfTest_Etag:
			holds = s.Exists && want.Etag == s.Etag
		default:
			return false
		}
		if holds == test.GetNot() {
			return false
		}
	}
	return true
}
