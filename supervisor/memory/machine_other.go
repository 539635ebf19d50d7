//go:build !linux

package memory

import "errors"

// Machine is known on Linux only.
func Machine() (Limit, error) {
	return Limit{}, errors.New("the machine's memory is known on Linux only: set a limit")
}
