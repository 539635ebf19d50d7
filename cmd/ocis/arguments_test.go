package main

import (
	"strings"
	"testing"
)

func TestFlagsMayStandBehindArguments(t *testing.T) {
	app := newApp()
	for line, want := range map[string]string{
		"ocis crash web --signal SIGTERM":            "ocis crash --signal SIGTERM web",
		"ocis crash web --signal=SIGTERM":            "ocis crash --signal=SIGTERM web",
		"ocis status web --json":                     "ocis status --json web",
		"ocis logs web -f storage -n 3":              "ocis logs -f -n 3 web storage",
		"ocis list":                                  "ocis list",
		"ocis":                                       "ocis",
		"ocis logs -- -f":                            "ocis logs -- -f",
		"ocis status web --generate-bash-completion": "ocis status web --generate-bash-completion",
		"ocis sandbox shell web sh -c id":            "ocis sandbox shell web sh -c id",
		"ocis sandbox exec web -- ls --help":         "ocis sandbox exec web ls --help",
		"ocis nonsense --json x":                     "ocis --json nonsense x",
	} {
		if got := strings.Join(flagsFirst(app, strings.Fields(line)), " "); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
}
