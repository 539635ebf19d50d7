package escape

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func privileges() []attempt {
	const group = "privileges"
	const denied = "operation not permitted"
	return []attempt{
		{name: "capabilities", group: group, expected: "holds none", try: countCapabilities},
		{name: "raise-capability", group: group, expected: denied, try: raiseCapability},
		{name: "ambient-capability", group: group, expected: denied, try: raiseAmbient},
		{name: "setuid-program", group: group, expected: "no new privileges", try: allowsNewPrivileges},
		{name: "make-setuid-file", group: group, expected: denied, try: makeSetuid},
		{name: "make-unnamed-setuid-file", group: group, expected: denied, try: makeUnnamedSetuid},
		{name: "become-another-user", group: group, expected: denied, try: becomeAnother},
		{name: "set-groups", group: group, expected: denied, try: setGroups},
	}
}

func held() (unix.CapUserHeader, [2]unix.CapUserData, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	return header, data, err
}

func countCapabilities(*Targets) outcome {
	_, data, err := held()
	if err != nil {
		return refused(err)
	}
	for _, half := range data {
		if half.Permitted|half.Effective|half.Inheritable != 0 {
			return obtained("holds capabilities: permitted %08x%08x", data[1].Permitted, data[0].Permitted)
		}
	}
	return withheld("holds none")
}

func raiseCapability(*Targets) outcome {
	header, data, err := held()
	if err != nil {
		return refused(err)
	}
	data[0].Permitted |= 1 << unix.CAP_SYS_ADMIN
	data[0].Effective |= 1 << unix.CAP_SYS_ADMIN
	return did(unix.Capset(&header, &data[0]), "has CAP_SYS_ADMIN")
}

func raiseAmbient(*Targets) outcome {
	header, data, err := held()
	if err != nil {
		return refused(err)
	}
	data[0].Inheritable |= 1 << unix.CAP_NET_RAW
	if err := unix.Capset(&header, &data[0]); err != nil {
		return refused(err)
	}
	err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_RAW, 0, 0)
	return did(err, "passes CAP_NET_RAW on to what it starts")
}

// allowsNewPrivileges asks the kernel, since running a real setuid program tells nothing
// to somebody who is root.
func allowsNewPrivileges(*Targets) outcome {
	none, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return refused(err)
	}
	if none == 1 {
		return withheld("programs that it starts gain nothing")
	}
	return obtained("a setuid program that it starts gets its owner's rights")
}

// makeSetuid makes a file that would run with this user's rights, whoever runs it: left
// in a folder that others see, it is a way back in.
func makeSetuid(*Targets) outcome {
	const path = "setuid"
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return untried("no file to make setuid: %v", err)
	}
	return did(os.Chmod(path, 0o700|os.ModeSetuid), "made a setuid file")
}

// makeUnnamedSetuid is born with the bit, and could be given a name by linkat(2).
func makeUnnamedSetuid(*Targets) outcome {
	fd, err := unix.Open(".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, unix.S_ISUID|0o700)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return notApplicable("the file system has no files without a name")
	}
	return opened(uintptr(fd), 0, errnoOf(err))
}

// becomeAnother changes this thread only, and this process ends right after.
func becomeAnother(*Targets) outcome {
	user := uintptr(0)
	if os.Getuid() == 0 {
		user = 1
	}
	return did(call(unix.SYS_SETUID, user, 0, 0, 0), "became another user")
}

func setGroups(*Targets) outcome {
	return did(call(unix.SYS_SETGROUPS, 0, 0, 0, 0), "left its groups")
}
