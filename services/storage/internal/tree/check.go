package tree

import (
	"net/http"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/conditions"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// holds refuses a request on at whose conditions do not hold.
func (x *tx) holds(at *place, c *storageapi.Conditions) error {
	if c == nil {
		return nil
	}
	state := stateOf(&at.last().entry)
	state.Exists = at.found
	return x.holdsFor(*at.root(), at.path, state, c)
}

// stateOf is what conditions about an entry can be about.
func stateOf(e *record.Entry) conditions.State {
	return conditions.State{Exists: true, Etag: etag(e), Modified: e.Modified}
}

// holdsFor is holds for what is in a state, and is or was at path.
func (x *tx) holdsFor(root node, path paths.Path, state conditions.State, c *storageapi.Conditions) error {
	if c == nil {
		return nil
	}
	if !conditions.EtagsMatch(c.GetIfMatch(), c.GetIfNoneMatch(), state) {
		return errCondition(path)
	}
	// If-Match is the better of the two (RFC 9110 section 13.2.2).
	if c.IfUnmodifiedSince != nil && len(c.GetIfMatch()) == 0 && !conditions.Unmodified(c.GetIfUnmodifiedSince(), state) {
		return errCondition(path)
	}
	var failed error
	lists := conditions.ListsHold(c.GetIfLists(), func(path string) conditions.State {
		state, err := x.state(root, path)
		if err != nil {
			failed = err
		}
		return state
	})
	if failed == nil && !lists {
		failed = errCondition(path)
	}
	return failed
}

// state returns what an If header's list can be about. A path that cannot be is one
// where nothing is. One where nothing is yet, but below a lock of infinite depth, is
// in that lock's scope.
func (x *tx) state(root node, text string) (conditions.State, error) {
	path, err := paths.Parse(text)
	if err != nil {
		return conditions.State{}, nil
	}
	at, err := x.locate(root, path)
	if err != nil {
		return conditions.State{}, err
	}
	locks, err := x.covering(root.entry.ID, path)
	state := conditions.State{Exists: at.found}
	if at.found {
		state.Etag = etag(&at.last().entry)
	}
	for _, l := range locks {
		state.Tokens = append(state.Tokens, l.token)
	}
	return state, err
}

// mayWrite refuses a write of size bytes to the file at.
func (x *tx) mayWrite(at *place, size uint64, c *storageapi.Conditions) error {
	if err := x.holds(at, c); err != nil {
		return err
	}
	if at.found && at.last().entry.Directory {
		return refuse(http.StatusMethodNotAllowed, "%s is a folder", at.path)
	}
	if err := x.mayMake(at, c); err != nil {
		return err
	}
	if at.found {
		return x.fits(at.root(), int64(size)-int64(at.last().entry.Size))
	}
	return x.fits(at.root(), int64(size))
}

// mayMake refuses a change of what is at, or the making of it, that locks or the lack
// of a parent stand against.
func (x *tx) mayMake(at *place, c *storageapi.Conditions) error {
	root := at.root().entry.ID
	if at.found {
		return x.unlocked(root, at.path, c.GetLockTokens())
	}
	if at.orphan() {
		return errNoParent(at.path)
	}
	return x.unlocked(root, at.path.Parent(), c.GetLockTokens())
}

// mayRemove refuses the removal of a tree that locks stand against: its own, those in
// it, and those of the directory that it is a member of.
func (x *tx) mayRemove(at *place, c *storageapi.Conditions) error {
	root := at.root().entry.ID
	if err := x.unlocked(root, at.path.Parent(), c.GetLockTokens()); err != nil {
		return err
	}
	return x.unlockedTree(root, at.path, c.GetLockTokens())
}
