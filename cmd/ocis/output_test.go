package main

import (
	"os"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestACommandThatCannotPrintFails(t *testing.T) {
	server := ocistest.Start(t)
	for _, line := range []string{"list", "list --json", "status web", "tree", "events", "version", "users list", "--help"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err) // only Linux has it
		}
		command := server.Command(strings.Fields(line)...)
		var stderr strings.Builder
		command.Stdout, command.Stderr = full, &stderr
		_ = command.Run() // the exit code says it
		full.Close()
		if code := command.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "no space left") || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("ocis %s: %d %s", line, code, stderr.String())
		}
	}
}

func TestTheNewestEventsCanBeAskedFor(t *testing.T) {
	server := ocistest.Start(t)
	lines := func(args ...string) []string {
		stdout, stderr, code := server.Ocis(append([]string{"events", "--json"}, args...)...)
		if code != 0 {
			t.Fatalf("%d %s", code, stderr)
		}
		return strings.Split(strings.TrimSpace(stdout), "\n")
	}
	all := lines()
	if newest := lines("-n", "3"); strings.Join(newest, "\n") != strings.Join(all[len(all)-3:], "\n") {
		t.Errorf("the newest 3 are %s", newest)
	}
	if more := lines("-n", "100000"); len(more) != len(all) {
		t.Errorf("of more than there are %d come, want %d", len(more), len(all))
	}
	if got := lines("--lines", "100000", "--since", "1"); len(got) != len(all)-1 {
		t.Errorf("after the first come %d of %d", len(got), len(all))
	}
}

func TestTheHelpSuggestsOnlyWhatIsNear(t *testing.T) {
	site := ocistest.NewSite(t)
	for topic, says := range map[string]string{"lst": `Did you mean "list"?`, "nosuch": "'nosuch'"} {
		_, stderr, code := site.Ocis("help", topic)
		if code != 2 || !strings.Contains(stderr, says) || topic == "nosuch" && strings.Contains(stderr, "mean") {
			t.Errorf("ocis help %s: %d %s", topic, code, stderr)
		}
	}
}
