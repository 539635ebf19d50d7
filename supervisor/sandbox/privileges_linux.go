package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Bits of PR_SET_SECUREBITS(2const): root has no rights by being root, changes of user
// bring none, and none of that can be changed again.
const (
	noRoot          = 1 << 0
	noSetuidFixup   = 1 << 2
	keepCapsLocked  = 1 << 5
	noCapAmbient    = 1 << 6
	lockedOf        = 1 // a bit's lock is the next bit
	securedForGood  = noRoot | noRoot<<lockedOf | noSetuidFixup | noSetuidFixup<<lockedOf | keepCapsLocked | noCapAmbient | noCapAmbient<<lockedOf
	capabilityCount = 64
)

// dropCapabilities takes all of them away, for the program and what it executes.
func (s *stage) dropCapabilities() (string, error) {
	mayAll := holds(unix.CAP_SETPCAP)
	if mayAll {
		if err := dropBounding(); err != nil {
			return "", err
		}
		if err := unix.Prctl(unix.PR_SET_SECUREBITS, securedForGood, 0, 0, 0); err != nil {
			return "", fmt.Errorf("lock the capabilities: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return "", fmt.Errorf("drop the ambient capabilities: %w", err)
	}
	header, none := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
	if err := unix.Capset(&header, &none[0]); err != nil {
		return "", fmt.Errorf("drop the capabilities: %w", err)
	}
	if !mayAll {
		return "none", nil
	}
	return "none, and none can be gained", nil
}

// dropBounding lets no program bring a capability with it. It stops at the first number
// that the kernel does not know.
func dropBounding() error {
	for capability := range uintptr(capabilityCount) {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	return nil
}

// holds tells whether this thread has a capability.
func holds(capability int) bool {
	header, data := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}
