package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// litmusSuites are the suites of litmus 0.13, with the number of tests in each.
var litmusSuites = map[string]string{"basic": "16", "copymove": "13", "props": "30", "locks": "41", "http": "3"}

var litmusSummary = regexp.MustCompile("(?m)^<- summary for `(\\w+)': of (\\d+) tests run: (\\d+) passed, (\\d+) failed")

func TestLitmusPassesAllItsTestsThroughTheProxyWithTLS(t *testing.T) {
	client := newRealClient(t, "litmus", "litmus")
	server := ocistest.Start(t)

	output := client.run("-k", server.URL("/remote.php/webdav/"), "admin", ocistest.Password)
	passed := map[string]string{}
	for _, summary := range litmusSummary.FindAllStringSubmatch(output, -1) {
		suite, run, good := summary[1], summary[2], summary[3]
		if run != good || run != litmusSuites[suite] {
			t.Errorf("%s: %s of %s tests passed, and there are %s", suite, good, run, litmusSuites[suite])
		}
		passed[suite] = good
	}
	if len(passed) != len(litmusSuites) {
		t.Errorf("only these suites were run: %v", passed)
	}
	if t.Failed() {
		for line := range strings.Lines(output) {
			if strings.Contains(line, "FAIL") || strings.Contains(line, "WARNING") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}
