package tree

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
	"github.com/owncloud/ocis-runtime/services/storage/internal/paths"
)

// Timeouts of locks, and what their number and owners' text may grow to.
const (
	defaultLockTimeout = 30 * time.Minute
	maxLockTimeout     = 24 * time.Hour
	maxLocksOnPath     = 64
	maxLockOwner       = 4096 // bytes
)

func lockTimeout(seconds int64) time.Duration {
	if seconds <= 0 {
		return defaultLockTimeout
	}
	return time.Duration(min(seconds, int64(maxLockTimeout/time.Second))) * time.Second
}

// Lock locks a path (RFC 4918 section 9.10). Where nothing is, it makes an empty file.
func (t *Tree) Lock(ctx context.Context, owner string, request *storageapi.LockRequest) (*storageapi.LockResponse, error) {
	path, err := parse(request.GetPath())
	if err != nil {
		return nil, err
	}
	if len(request.GetOwnerXml()) > maxLockOwner {
		return nil, refuse(http.StatusBadRequest, "a lock's owner has more than %d bytes", maxLockOwner)
	}
	var response *storageapi.LockResponse
	err = t.extend(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.holds(&at, request.GetConditions()); err != nil {
			return err
		}
		if err := x.compatible(root.entry.ID, path, request); err != nil {
			return err
		}
		if !at.found {
			if err := x.mayMake(&at, request.GetConditions()); err != nil {
				return err
			}
		}
		response, err = x.lock(&at, request)
		return err
	})
	return response, err
}

// compatible refuses a lock that conflicts with one that is there (RFC 4918 section
// 6.2): exclusive ones conflict with all, shared ones with exclusive ones.
func (x *tx) compatible(root uint64, path paths.Path, request *storageapi.LockRequest) error {
	others, err := x.covering(root, path)
	if err != nil {
		return err
	}
	if len(others) >= maxLocksOnPath {
		return errConflicting(path)
	}
	if request.GetInfinite() {
		below, err := x.below(root, path)
		if err != nil {
			return err
		}
		others = append(others, below...)
	}
	for _, other := range others {
		if request.GetExclusive() || other.Exclusive {
			return errConflicting(other.path)
		}
	}
	return nil
}

func (x *tx) lock(at *place, request *storageapi.LockRequest) (*storageapi.LockResponse, error) {
	root := at.root().entry.ID
	l := lock{path: at.path, token: "urn:uuid:" + uuid.NewString()}
	l.Exclusive, l.Infinite, l.Owner = request.GetExclusive(), request.GetInfinite(), request.GetOwnerXml()
	l.Expires = x.now + int64(lockTimeout(request.GetTimeoutSeconds()))
	if err := x.putLock(root, &l); err != nil {
		return nil, err
	}
	if !at.found {
		made, err := x.store(at, content{})
		return &storageapi.LockResponse{Lock: x.activeLock(&l), Entry: made.GetEntry(), Created: true}, err
	}
	entry, err := x.show(root, at.path, &at.last().entry)
	return &storageapi.LockResponse{Lock: x.activeLock(&l), Entry: entry}, err
}

func (x *tx) putLock(root uint64, l *lock) error {
	return x.put(x.bolt.Bucket(bucketLocks), appendLockKey(nil, root, l.path, l.token), l.Encode())
}

// lockOf returns the lock with that token that covers path.
func (x *tx) lockOf(root uint64, path paths.Path, token string) (l lock, found bool, err error) {
	locks, err := x.covering(root, path)
	for _, l := range locks {
		if l.token == token {
			return l, true, err
		}
	}
	return lock{}, false, err
}

// RefreshLock gives a lock a new timeout. path is any that the lock covers.
func (t *Tree) RefreshLock(ctx context.Context, owner string, request *storageapi.RefreshLockRequest) (*storageapi.LockResponse, error) {
	path, err := parse(request.GetPath())
	if err != nil {
		return nil, err
	}
	var response *storageapi.LockResponse
	err = t.write(ctx, owner, func(x *tx, root node) error {
		at, err := x.locate(root, path)
		if err != nil {
			return err
		}
		if err := x.holds(&at, request.GetConditions()); err != nil {
			return err
		}
		l, found, err := x.lockOf(root.entry.ID, path, request.GetToken())
		if err != nil {
			return err
		}
		if !at.found || !found {
			return refuse(http.StatusPreconditionFailed, "no lock with this token covers %s", path)
		}
		l.Expires = x.now + int64(lockTimeout(request.GetTimeoutSeconds()))
		if err := x.putLock(root.entry.ID, &l); err != nil {
			return err
		}
		entry, err := x.show(root.entry.ID, path, &at.last().entry)
		response = &storageapi.LockResponse{Lock: x.activeLock(&l), Entry: entry}
		return err
	})
	return response, err
}

// Unlock removes a lock, all of it, through any path that it covers.
func (t *Tree) Unlock(ctx context.Context, owner string, request *storageapi.UnlockRequest) error {
	path, err := parse(request.GetPath())
	if err != nil {
		return err
	}
	return t.write(ctx, owner, func(x *tx, root node) error {
		l, found, err := x.lockOf(root.entry.ID, path, request.GetToken())
		if err != nil {
			return err
		}
		if !found {
			return refuse(http.StatusConflict, "no lock with this token covers %s", path)
		}
		return x.delete(x.bolt.Bucket(bucketLocks), appendLockKey(nil, root.entry.ID, l.path, l.token))
	})
}
