package escape

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// machineCalls are attempts to change what belongs to the whole machine. None changes
// anything, even for root: the arguments cannot work, or are what is there already.
func machineCalls() []attempt {
	const group = "machine"
	const denied = "operation not permitted"
	return []attempt{
		{name: "reboot", group: group, expected: denied, try: func(*Targets) outcome {
			return permitted(call(unix.SYS_REBOOT, 0, 0, 0, 0)) // with no magic numbers
		}},
		{name: "swapon", group: group, expected: denied, try: func(t *Targets) outcome { return permitted(swapOn(t.name("no-such-file"))) }},
		{name: "set-clock", group: group, expected: denied, try: setClock},
		{name: "adjust-clock", group: group, expected: denied, try: func(*Targets) outcome {
			_, err := unix.Adjtimex(&unix.Timex{Modes: adjustTick, Tick: 1})
			return permitted(err)
		}},
		{name: "set-hostname", group: group, expected: denied, try: func(t *Targets) outcome {
			return did(unix.Sethostname([]byte(t.Machine.Hostname)), "set the host's name, to what it is")
		}},
		{name: "quota", group: group, expected: denied, try: func(*Targets) outcome {
			return permitted(call(unix.SYS_QUOTACTL, syncQuota, 0, 0, 0))
		}},
		{name: "accounting", group: group, expected: denied, try: func(t *Targets) outcome {
			return permitted(unix.Acct("/" + t.name("no-such-file")))
		}},
	}
}

const (
	adjustTick = 0x4000        // ADJ_TICK; a tick of 1 µs is far out of range
	syncQuota  = 0x800001 << 8 // QCMD(Q_SYNC, USRQUOTA): write down all quotas, of no device in particular
)

func swapOn(path string) error {
	pointer, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	return call(unix.SYS_SWAPON, uintptr(unsafe.Pointer(pointer)), 0, 0, 0)
}

// setClock gives no time but a zone that is out of range: an impossible time is refused
// before the kernel looks at the rights, an impossible zone after.
func setClock(*Targets) outcome {
	zone := struct{ minutesWest, daylight int32 }{minutesWest: 100 * 60}
	return permitted(call(unix.SYS_SETTIMEOFDAY, 0, uintptr(unsafe.Pointer(&zone)), 0, 0))
}
