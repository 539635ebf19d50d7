package metrics

import (
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestAnEndHasOneOfFewReasons(t *testing.T) {
	for _, c := range []struct {
		exit client.Exit
		want string
	}{
		{client.Exit{Cause: client.CauseExit, Code: 0}, "exit 0"},
		{client.Exit{Cause: client.CauseExit, Code: 1}, "exit 1"},
		{client.Exit{Cause: client.CauseExit, Code: 2}, "exit 2"},
		{client.Exit{Cause: client.CauseExit, Code: 3}, "exit other"},
		{client.Exit{Cause: client.CauseExit, Code: 255}, "exit other"},
		{client.Exit{Cause: client.CauseExit, Code: -1}, "exit other"},
		{client.Exit{Cause: client.CauseSignal, Code: -1, Signal: "SIGSEGV"}, "SIGSEGV"},
		{client.Exit{Cause: client.CauseSignal, Code: -1, Signal: "signal 34"}, "signal other"},
		{client.Exit{Cause: client.CauseSignal, Code: -1}, "signal other"},
		{client.Exit{Cause: client.CauseHung, Code: -1, Signal: "SIGKILL"}, "hung"},
		{client.Exit{Cause: client.CauseNotReady, Code: -1, Signal: "SIGKILL"}, "not ready"},
		{client.Exit{Cause: client.CauseNotStarted, Code: -1}, "not started"},
		{client.Exit{Cause: client.CauseMemory, Code: -1, Signal: "SIGKILL"}, "memory"},
		{client.Exit{Cause: client.CauseAsked, Code: 1}, "asked"},
	} {
		if got := reasonOf(c.exit); got != c.want {
			t.Errorf("%+v: %s, want %s", c.exit, got, c.want)
		}
	}
}
