package escape

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// attemptCommand makes this test binary what the main binary is with its hidden command.
const attemptCommand = "sandbox-attempt"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == attemptCommand {
		t, err := TargetsFromEnvironment()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(Attempt(os.Args[2], t))
	}
	os.Exit(m.Run())
}

func runAll(t *testing.T, ctx context.Context, targets *Targets) []Result {
	t.Helper()
	return slices.Collect(Run(ctx, []string{os.Args[0], attemptCommand}, targets, false))
}

func TestX(t *testing.T) {
	targets, err := Prepare(t.TempDir(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	results := targets.Verify(runAll(t, t.Context(), targets))
	if err := targets.Close(); err != nil {
		t.Error(err)
	}
	for _, r := range results {
		state := "refused"
		if r.Escaped {
			state = "ESCAPED"
		} else if r.NotApplicable != "" {
			state = "n/a"
		}
		t.Log(strings.Join([]string{r.Name, state, r.Got, r.NotApplicable}, " | "))
	}
}
