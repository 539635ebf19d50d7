//go:build !linux

package sockets

import (
	"errors"
	"os"
)

// queueOf knows nothing here.
func queueOf(*os.File, string) (waiting, limit int, err error) { return 0, 0, errors.ErrUnsupported }
