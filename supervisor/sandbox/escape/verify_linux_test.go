package escape

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTheOutsideHasTheLastWord(t *testing.T) {
	for _, c := range []struct {
		name string
		says outcome
		seen bool
		want string
	}{
		{"got through and arrived", obtained("wrote"), true, "ESCAPED"},
		{"got through into a view of its own", obtained("wrote"), false, "refused"},
		{"was refused, yet it arrived", withheld("killed by SIGSYS"), true, "ESCAPED"},
		{"was refused and nothing arrived", withheld("no such file"), false, "refused"},
		{"could not report, yet it arrived", untried("no answer"), true, "ESCAPED"},
		{"could not be tried", untried("no answer"), false, "UNTRIED"},
		{"says nothing here", notApplicable("no such file here"), false, "n/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := state(attempt{name: "x"}.result(c.says).judged(c.seen)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAnAttemptWithoutAResultIsNotPassedOver(t *testing.T) {
	targets := prepared(t)
	results := targets.Verify(nil)
	if untried := named(results, "UNTRIED"); len(untried) != len(attempts()) {
		t.Errorf("untried: %d of %d\n%s", len(untried), len(attempts()), table(results))
	}
}

func TestASandboxThatIsKilledForItsMemoryHasRefusedIt(t *testing.T) {
	targets := prepared(t)
	var results []Result
	for _, a := range attempts() {
		if !a.fatal {
			results = append(results, a.result(withheld("no")))
		}
	}
	if untried := named(targets.Verify(results), "UNTRIED"); len(untried) > 0 {
		t.Errorf("untried: %v", untried)
	}
}

func TestTheEndOfAnAttemptIsAResult(t *testing.T) {
	for _, c := range []struct{ name, script, want, words string }{
		{"killed by a filter", "kill -SYS $$", "refused", "killed by SIGSYS"},
		{"killed for its memory", "kill -KILL $$", "refused", "killed by SIGKILL"},
		{"refused memory", "echo 'fatal error: runtime: out of memory' >&2; exit 2", "refused", "out of memory"},
		{"a fault of the suite", "echo 'panic: oops' >&2; exit 2", "UNTRIED", "panic: oops"},
		{"not a word", "exit 0", "UNTRIED", "without a result"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stderr strings.Builder
			command := exec.CommandContext(t.Context(), "/bin/sh", "-c", c.script)
			command.Stderr = &stderr
			a := attempt{name: "x"}
			r := a.result(a.ended(command.Run(), stderr.String()))
			if state(r) != c.want || !strings.Contains(r.Got+r.NotApplicable, c.words) {
				t.Errorf("got %s: %q, want %s: %q", state(r), r.Got+r.NotApplicable, c.want, c.words)
			}
		})
	}
}
