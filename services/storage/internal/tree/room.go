package tree

import "net/http"

// The disk is everybody's. Of what is free, uploads that run have the part that they are
// still to write. Package blobs keeps a reserve for the database.

var errFull = refuse(http.StatusInsufficientStorage, "the disk is full")

// onDisk refuses content that the disk has no room for.
func (t *Tree) onDisk(size uint64) error {
	room, err := t.uploads.room()
	if err == nil && size > room {
		err = errFull
	}
	return err
}

// room returns how many bytes of the disk are nobody's.
func (u *uploads) room() (uint64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.unreserved()
}

// unreserved is room for who has u.mu. What is written in between must not count as free:
// so what is reserved is asked for first.
func (u *uploads) unreserved() (uint64, error) {
	var reserved uint64
	for _, upload := range u.byID {
		reserved += upload.reserved()
	}
	free, err := u.blobs.Free()
	return free - min(free, reserved), err
}

// reserved returns how much an upload may still write.
func (u *Upload) reserved() uint64 {
	if u.state != uploadOpen {
		return 0
	}
	info, err := u.File.Stat()
	if err != nil {
		return 0 // it has just ended
	}
	return u.Limit - min(u.Limit, uint64(info.Size()))
}

// reserve sets the limit of an upload to its size, -1: not known, which then belongs to
// it. u.mu is held.
func (u *uploads) reserve(upload *Upload, size int64, quota uint64) error {
	room, err := u.unreserved()
	switch {
	case err != nil:
		return err
	case size < 0:
		upload.unsized = true
		upload.Limit = min(u.share(room), quota)
	case uint64(size) >= room:
		return errFull
	default:
		upload.Limit = uint64(size)
	}
	return nil
}

// share is the limit of an upload that does not say its size: half of what there is, less
// when there are others, so that the n-th of them still has the n²-th part.
func (u *uploads) share(room uint64) uint64 {
	parts := uint64(2)
	for _, upload := range u.byID {
		if upload.unsized {
			parts++
		}
	}
	return room / parts
}
