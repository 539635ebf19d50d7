package process

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalName returns the name of a signal, such as "SIGKILL".
func SignalName(signal syscall.Signal) string {
	if name := unix.SignalName(signal); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(signal))
}

// ParseSignal reads "SIGKILL", "kill" or "KILL".
func ParseSignal(name string) (syscall.Signal, error) {
	upper := strings.ToUpper(strings.TrimSpace(name))
	if !strings.HasPrefix(upper, "SIG") {
		upper = "SIG" + upper
	}
	if signal := unix.SignalNum(upper); signal != 0 {
		return signal, nil
	}
	return 0, fmt.Errorf("unknown signal %q: use a name such as SIGKILL, SIGTERM, SIGSTOP or SIGSEGV", name)
}
