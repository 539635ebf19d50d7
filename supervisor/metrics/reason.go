package metrics

import (
	"fmt"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// reasonOf says in one of few words why a process ended: its cause, and where the cause is
// an exit or a signal, which one.
func reasonOf(exit client.Exit) string {
	switch exit.Cause {
	case client.CauseExit:
		return exitReason(exit.Code)
	case client.CauseSignal:
		return signalReason(exit.Signal)
	default:
		return string(exit.Cause)
	}
}

// exitReason names the codes that say something: 1 is any error, 2 of a Go program a panic.
func exitReason(code int) string {
	if code < 0 || code > 2 {
		return "exit other"
	}
	return fmt.Sprintf("exit %d", code)
}

// signalReason is the signal's name. Real-time signals have none.
func signalReason(name string) string {
	if _, err := process.ParseSignal(name); err != nil {
		return "signal other"
	}
	return name
}
