package escape

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The hidden commands that make this test binary what the main binary is.
const (
	attemptCommand = "sandbox-attempt"
	runCommand     = "sandbox-run"
)

func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != attemptCommand && os.Args[1] != runCommand {
		// The race detector lets a process sleep for a second at its end, and there are
		// more than a hundred of them.
		os.Setenv("GORACE", "atexit_sleep_ms=0")
		os.Exit(m.Run())
	}
	t, err := TargetsFromEnvironment()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if os.Args[1] == attemptCommand {
		os.Exit(Attempt(os.Args[2], t))
	}
	os.Exit(runInNamespaces(t))
}

func self() []string { return []string{os.Args[0], attemptCommand} }

// prepared returns targets that are closed at the end of the test, which then looks that
// nothing of them is left.
func prepared(t *testing.T) *Targets {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	// t.TempDir holds the test's name, which is longer than a socket's path may be.
	dir, err := os.MkdirTemp("", "escape-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil { // not RemoveAll: it must be empty by now
			t.Error(err)
		}
	})
	targets, err := Prepare(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := targets.Close(); err != nil {
			t.Error(err)
		}
		assertNothingLeft(t, targets)
	})
	return targets
}

// table is what a person would see, for a test that fails.
func table(results []Result) string {
	var lines strings.Builder
	for _, r := range results {
		fmt.Fprintf(&lines, "%-24s %-9s %s\n", r.Name, state(r), r.Got+r.NotApplicable)
	}
	return lines.String()
}

func state(r Result) string {
	switch {
	case r.Escaped:
		return "ESCAPED"
	case r.Untried:
		return "UNTRIED"
	case r.NotApplicable != "":
		return "n/a"
	default:
		return "refused"
	}
}

// named returns the names of the results in one state.
func named(results []Result, in string) []string {
	var names []string
	for _, r := range results {
		if state(r) == in {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestEveryAttemptHasANameOfItsOwnAndSaysWhatIsExpected(t *testing.T) {
	all := attempts()
	if len(all) < 45 {
		t.Errorf("%d attempts, want 45 at least", len(all))
	}
	var names []string
	for _, a := range all {
		if a.name == "" || a.group == "" || a.expected == "" || a.try == nil {
			t.Errorf("the attempt %q is incomplete: group %q, expected %q", a.name, a.group, a.expected)
		}
		if slices.Contains(names, a.name) {
			t.Errorf("two attempts are called %q", a.name)
		}
		names = append(names, a.name)
	}
}

func TestTargetsTravelInTheEnvironment(t *testing.T) {
	targets := prepared(t)
	line, err := targets.Variable()
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(line, "=")
	t.Setenv(name, value)
	arrived, err := TargetsFromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	again, err := arrived.Variable()
	if err != nil {
		t.Fatal(err)
	}
	if again != line {
		t.Errorf("arrived as\n%s\nsent\n%s", again, line)
	}
}

func TestAnUnknownAttemptHasAnExitCodeOfItsOwn(t *testing.T) {
	if code := Attempt("fly", &Targets{}); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
}
