package upstream

import "testing"

func TestWhatIsSentAgain(t *testing.T) {
	for name, test := range map[string]struct {
		failure failure
		again   bool
	}{
		"refused before anything was sent": {failure{method: "MOVE", complete: true, canRepeat: true}, true},
		"a safe method that was sent":      {failure{method: "PROPFIND", sent: true, complete: true, canRepeat: true}, true},
		"a change that was sent":           {failure{method: "MOVE", sent: true, complete: true, canRepeat: true}, false},
		"an upload before its content":     {failure{method: "PUT", sent: true, canRepeat: true}, true},
		"an upload in its content":         {failure{method: "PUT", sent: true}, false},
		"content that is gone":             {failure{method: "PROPFIND", complete: true}, false},
		"a client that is gone":            {failure{method: "GET", canRepeat: true, clientGone: true}, false},
		"an instance that had its time":    {failure{method: "GET", sent: true, complete: true, canRepeat: true, late: true}, false},
		"four instances that died of it":   {failure{method: "PROPFIND", sent: true, complete: true, canRepeat: true, broken: 4}, true},
		"five instances that died of it":   {failure{method: "PROPFIND", sent: true, complete: true, canRepeat: true, broken: 5}, false},
		"refused after five died of it":    {failure{method: "PROPFIND", complete: true, canRepeat: true, broken: 5}, true},
		"not read after five died of it":   {failure{method: "PROPFIND", sent: true, canRepeat: true, broken: 5}, true},
		"tried long enough":                {failure{method: "GET", canRepeat: true, expired: true}, false},
	} {
		if got := test.failure.again(); got != test.again {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSafeMethodsChangeNothing(t *testing.T) {
	for method, want := range map[string]bool{
		"GET": true, "HEAD": true, "OPTIONS": true, "PROPFIND": true, "REPORT": true,
		"PUT": false, "POST": false, "PATCH": false, "DELETE": false, "MOVE": false, "COPY": false, "MKCOL": false,
		"PROPPATCH": false, "LOCK": false, "UNLOCK": false, "get": false, "": false, "NEW": false,
	} {
		if got := isSafe(method); got != want {
			t.Errorf("%s: %v", method, got)
		}
	}
}
