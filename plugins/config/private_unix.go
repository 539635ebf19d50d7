//go:build unix

package config

import (
	"fmt"
	"os"
	"syscall"
)

// checkPrivate refuses a folder that is not the user's own and for the user alone. It
// does not follow a link: in a shared temporary folder somebody may have planted one.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("cannot look at %s: %w", dir, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a folder of your own: set OCIS_RUN_DIR to one", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("cannot make %s private: %w", dir, err)
		}
	}
	return nil
}
