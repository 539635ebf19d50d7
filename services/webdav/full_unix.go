//go:build unix

package webdav

import (
	"errors"
	"syscall"
)

// isFull tells whether a write failed for want of room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
