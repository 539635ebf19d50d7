package sandbox

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// remedies say how a layer is had, in one line.
var remedies = map[string]string{
	LayerFiles:    "let the user mount in a namespace of its own (on Ubuntu: an AppArmor profile with userns), or isolate it best-effort",
	LayerProc:     "let the container's /proc be unmasked",
	LayerLandlock: "boot Linux 5.19 or later with landlock in its list of security modules (lsm=landlock,...), or isolate it best-effort",
	LayerSeccomp:  "boot a kernel with CONFIG_SECCOMP_FILTER, or isolate it best-effort",
}

// remedyFor says how a layer is had that failed with err.
func remedyFor(layer string, err error) string {
	if layer == LayerFiles && errors.Is(err, unix.ENOSYS) { // mount_setattr(2)
		return "boot Linux 5.12 or later, or isolate it best-effort"
	}
	return remedies[layer]
}

// remedyForNamespaces finds what forbids namespaces.
func remedyForNamespaces() string {
	for _, setting := range []struct{ file, forbids, remedy string }{
		{"/proc/sys/user/max_user_namespaces", "0", "set sysctl user.max_user_namespaces to 10000"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "set sysctl kernel.unprivileged_userns_clone to 1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "set sysctl kernel.apparmor_restrict_unprivileged_userns to 0, or give ocis an AppArmor profile with userns"},
	} {
		if value, err := os.ReadFile(setting.file); err == nil && strings.TrimSpace(string(value)) == setting.forbids {
			return setting.remedy
		}
	}
	return "in a container, allow user namespaces (a seccomp profile that lets clone make them), or isolate it best-effort"
}
