//go:build unix

package plugins

import (
	"os"

	"golang.org/x/sys/unix"
)

// redirect makes the descriptor of file an alias of target's.
func redirect(target, file *os.File) error {
	return unix.Dup2(int(target.Fd()), int(file.Fd()))
}
