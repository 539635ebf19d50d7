package tree

// The disk is everybody's. Of what is free, uploads that run have the part that they are
// still to write. Package blobs keeps a reserve for the database.

// room returns how many bytes of the disk are nobody's.
func (u *uploads) room() (uint64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	sized, unsized := u.reserved()
	free, err := u.blobs.Free()
	return less(free, sized+unsized), err
}

// reserved returns what uploads may still write: those that said their size, and those
// that did not. What is written in between must not count as free, so this is asked for
// before what is free. u.mu is held.
func (u *uploads) reserved() (sized, unsized uint64) {
	for _, upload := range u.byID {
		if upload.unsized {
			unsized += upload.reserved()
		} else {
			sized += upload.reserved()
		}
	}
	return sized, unsized
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
	return less(u.Limit, uint64(info.Size()))
}

// reserve sets the limit of an upload to its size, -1: not known, which then belongs to
// it. u.mu is held.
func (u *uploads) reserve(upload *Upload, size int64, quota uint64) error {
	sized, unsized := u.reserved()
	free, err := u.blobs.Free()
	switch {
	case err != nil:
		return err
	case size < 0:
		upload.Limit = min(share(less(free, sized), unsized, u.countUnsized()), quota)
	case uint64(size) >= less(free, sized+unsized):
		return errFull
	default:
		upload.Limit = uint64(size)
	}
	return nil
}

func (u *uploads) countUnsized() (n uint64) {
	for _, upload := range u.byID {
		if upload.unsized {
			n++
		}
	}
	return n
}

// share is the limit of an upload that does not say its size, where n others have reserved
// a part of room. Together they leave an eighth to those who do say; the first may take
// nearly half, and the n-th still has about the n²-th part.
func share(room, reserved, n uint64) uint64 {
	return less(room-room/8, reserved) / (2 + n)
}

// less is a-b, or 0.
func less(a, b uint64) uint64 { return a - min(a, b) }
