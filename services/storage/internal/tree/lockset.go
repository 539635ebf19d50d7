package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
	"github.com/owncloud/ocis-runtime/services/storage/internal/record"
)

// lock is a lock with its key. Locks belong to paths (RFC 4918 section 6.1: to the
// lock root's URL), not to entries: what is moved leaves its locks behind.
type lock struct {
	path  paths.Path
	token string
	record.Lock
}

// appendLockKey appends the key of a lock or, with an empty token, what the keys of
// all locks of a path begin with. No path contains NUL.
func appendLockKey(b []byte, root uint64, path paths.Path, token string) []byte {
	b = append(binary.BigEndian.AppendUint64(b, root), path...)
	return append(append(b, 0), token...)
}

// scanLocks calls visit for each lock whose key begins with prefix, also for those
// that have expired.
func (x *tx) scanLocks(prefix []byte, visit func(key []byte, l lock) error) error {
	cursor := x.bolt.Bucket(bucketLocks).Cursor()
	for key, value := cursor.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, value = cursor.Next() {
		path, token, found := bytes.Cut(key[8:], []byte{0})
		l, err := record.DecodeLock(value)
		if err != nil || !found {
			return fmt.Errorf("lock %q is damaged: %w", key[8:], err)
		}
		if err := visit(key, lock{path: paths.Path(path), token: string(token), Lock: l}); err != nil {
			return err
		}
	}
	return nil
}

// lockless tells, cheaply, that a user has no locks at all.
func (x *tx) lockless(root uint64) bool {
	prefix := binary.BigEndian.AppendUint64(nil, root)
	key, _ := x.bolt.Bucket(bucketLocks).Cursor().Seek(prefix)
	return !bytes.HasPrefix(key, prefix)
}

// covering returns the locks that cover path: its own, and those of infinite depth
// above it.
func (x *tx) covering(root uint64, path paths.Path) ([]lock, error) {
	if x.lockless(root) {
		return nil, nil
	}
	var found []lock
	for at := path; ; at = at.Parent() {
		err := x.scanLocks(appendLockKey(nil, root, at, ""), func(_ []byte, l lock) error {
			if l.Expires > x.now && (at == path || l.Infinite) {
				found = append(found, l)
			}
			return nil
		})
		if err != nil || at.IsRoot() {
			return found, err
		}
	}
}

// below returns the locks made on paths below path.
func (x *tx) below(root uint64, path paths.Path) ([]lock, error) {
	var found []lock
	prefix := append(binary.BigEndian.AppendUint64(nil, root), path+"/"...)
	err := x.scanLocks(prefix, func(_ []byte, l lock) error {
		if l.Expires > x.now {
			found = append(found, l)
		}
		return nil
	})
	return found, err
}

// unlocked refuses a change of path unless no lock covers it, or one that does was
// submitted. An exclusive lock covers alone, and of shared ones any is enough.
func (x *tx) unlocked(root uint64, path paths.Path, submitted []string) error {
	locks, err := x.covering(root, path)
	if err != nil || len(locks) == 0 {
		return err
	}
	if slices.ContainsFunc(locks, func(l lock) bool { return slices.Contains(submitted, l.token) }) {
		return nil
	}
	return errLocked(locks[0].path)
}

// unlockedTree is unlocked for path and everything below it.
func (x *tx) unlockedTree(root uint64, path paths.Path, submitted []string) error {
	if x.lockless(root) {
		return nil
	}
	if err := x.unlocked(root, path, submitted); err != nil {
		return err
	}
	locks, err := x.below(root, path)
	for i := 0; i < len(locks) && err == nil; i++ {
		err = x.unlocked(root, locks[i].path, submitted)
	}
	return err
}

// dropLocks removes the locks made on paths below path and, when own is set, on path.
func (x *tx) dropLocks(root uint64, path paths.Path, own bool) error {
	if x.lockless(root) {
		return nil
	}
	var doomed [][]byte
	collect := func(key []byte, _ lock) error {
		doomed = append(doomed, bytes.Clone(key))
		return nil
	}
	err := x.scanLocks(append(binary.BigEndian.AppendUint64(nil, root), path+"/"...), collect)
	if err == nil && own {
		err = x.scanLocks(appendLockKey(nil, root, path, ""), collect)
	}
	return x.deleteAll(bucketLocks, doomed, err)
}

// dropExpiredLocks removes the locks of all users that have run out.
func (x *tx) dropExpiredLocks() error {
	var doomed [][]byte
	err := x.scanLocks(nil, func(key []byte, l lock) error {
		if l.Expires <= x.now {
			doomed = append(doomed, bytes.Clone(key))
		}
		return nil
	})
	return x.deleteAll(bucketLocks, doomed, err)
}

// deleteAll deletes keys, unless collecting them has failed.
func (x *tx) deleteAll(bucket []byte, keys [][]byte, err error) error {
	var b *bbolt.Bucket
	for i := 0; i < len(keys) && err == nil; i++ {
		if b == nil {
			b = x.bolt.Bucket(bucket)
		}
		err = x.delete(b, keys[i])
	}
	return err
}
