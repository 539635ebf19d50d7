package instance

import (
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

var (
	statuses = []client.Status{
		client.StatusStopped, client.StatusStarting, client.StatusReady, client.StatusUnhealthy,
		client.StatusStopping, client.StatusBackoff, client.StatusFailed,
	}
	inputs = []input{start, becameOK, becameBad, replaced, stop, endedStay, endedNow, endedWait, endedGood}
)

// allowed is the specification: what each input leads to, from which states.
var allowed = map[input]map[client.Status]client.Status{
	start: {
		client.StatusStopped: client.StatusStarting, client.StatusBackoff: client.StatusStarting, client.StatusFailed: client.StatusStarting,
	},
	becameOK:  {client.StatusStarting: client.StatusReady, client.StatusUnhealthy: client.StatusReady},
	becameBad: {client.StatusReady: client.StatusUnhealthy},
	replaced:  {client.StatusReady: client.StatusReady, client.StatusUnhealthy: client.StatusReady},
	stop: {
		client.StatusStarting: client.StatusStopping, client.StatusReady: client.StatusStopping, client.StatusUnhealthy: client.StatusStopping,
		client.StatusBackoff: client.StatusStopping, client.StatusFailed: client.StatusStopping,
	},
	endedStay: {
		client.StatusStopping: client.StatusStopped, client.StatusStarting: client.StatusStopped,
		client.StatusBackoff: client.StatusStopped, client.StatusFailed: client.StatusStopped,
	},
	endedNow: {
		client.StatusStarting: client.StatusStarting, client.StatusReady: client.StatusStarting,
		client.StatusUnhealthy: client.StatusStarting, client.StatusStopping: client.StatusStarting,
	},
	endedWait: {
		client.StatusStarting: client.StatusBackoff, client.StatusReady: client.StatusBackoff, client.StatusUnhealthy: client.StatusBackoff,
	},
	endedGood: {
		client.StatusStarting: client.StatusFailed, client.StatusReady: client.StatusFailed, client.StatusUnhealthy: client.StatusFailed,
	},
}

func TestEveryPairOfStateAndInputIsAllowedOrRefused(t *testing.T) {
	for _, from := range statuses {
		for _, in := range inputs {
			want, ok := allowed[in][from]
			got, err := transition(from, in)
			switch {
			case ok && (err != nil || got != want):
				t.Errorf("%s, %s: got %s, %v, want %s", from, in, got, err, want)
			case !ok && err == nil:
				t.Errorf("%s, %s: leads to %s, must be refused", from, in, got)
			case !ok && got != from:
				t.Errorf("%s, %s: refused, and changed to %s", from, in, got)
			}
		}
	}
}

func TestEveryStateIsReachedAndLeft(t *testing.T) {
	reached := map[client.Status]bool{client.StatusStopped: true}
	for range statuses {
		for from, edges := range transitions {
			for _, to := range edges {
				reached[to] = reached[to] || reached[from]
			}
		}
	}
	for _, status := range statuses {
		if !reached[status] {
			t.Errorf("%s is never reached", status)
		}
		if len(transitions[status]) == 0 {
			t.Errorf("%s is a dead end", status)
		}
	}
	if len(transitions) != len(statuses) {
		t.Errorf("the table has %d states, the specification %d", len(transitions), len(statuses))
	}
}
