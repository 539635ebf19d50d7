package instance

import (
	"fmt"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// input is what can happen to an instance.
type input string

// The inputs of the state machine. "The child" is the present one: a replacement that is
// not ready yet, and a replaced one that drains, change no state.
const (
	start     input = "start"      // a child is to be started
	becameOK  input = "ready"      // the child serves
	becameBad input = "unhealthy"  // the child says that it cannot serve
	replaced  input = "replaced"   // another child is ready and serves in its place
	stop      input = "stop"       // the child is to be ended
	endedStay input = "stay ended" // the child ended, and nobody wants another
	endedNow  input = "start over" // the child ended, and the next one starts at once
	endedWait input = "wait"       // the child ended, and the next one starts later
	endedGood input = "give up"    // the child ended, and there will be no other
)

// transitions are all that an instance may do.
var transitions = map[client.Status]map[input]client.Status{
	client.StatusStopped: {
		start: client.StatusStarting,
	},
	client.StatusStarting: {
		becameOK:  client.StatusReady,
		stop:      client.StatusStopping,
		endedStay: client.StatusStopped, // stopped while it waited for what it needs
		endedNow:  client.StatusStarting,
		endedWait: client.StatusBackoff,
		endedGood: client.StatusFailed,
	},
	client.StatusReady: {
		becameBad: client.StatusUnhealthy,
		replaced:  client.StatusReady,
		stop:      client.StatusStopping,
		endedNow:  client.StatusStarting,
		endedWait: client.StatusBackoff,
		endedGood: client.StatusFailed,
	},
	client.StatusUnhealthy: {
		becameOK:  client.StatusReady,
		replaced:  client.StatusReady,
		stop:      client.StatusStopping,
		endedNow:  client.StatusStarting,
		endedWait: client.StatusBackoff,
		endedGood: client.StatusFailed,
	},
	client.StatusStopping: {
		endedStay: client.StatusStopped,
		endedNow:  client.StatusStarting, // a restart, or a run that came while it stopped
	},
	client.StatusBackoff: {
		start:     client.StatusStarting,
		stop:      client.StatusStopping, // a child that was replaced still drains
		endedStay: client.StatusStopped,
	},
	client.StatusFailed: {
		start:     client.StatusStarting,
		stop:      client.StatusStopping, // a child that was replaced still drains
		endedStay: client.StatusStopped,
	},
}

// transition returns the state that follows. An input that the state does not allow is
// a defect of this package.
func transition(from client.Status, in input) (client.Status, error) {
	if to, ok := transitions[from][in]; ok {
		return to, nil
	}
	return from, fmt.Errorf("an instance that is %s cannot %q", from, in)
}
