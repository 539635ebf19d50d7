package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// litmusTests is how many tests the suites basic, copymove, props, locks and http of
// litmus 0.13 have.
const litmusTests = 103

// litmusSummary is the line that each suite ends with.
var litmusSummary = regexp.MustCompile(`(?m)^<- summary for .*: of (\d+) tests run: (\d+) passed, (\d+) failed`)

// measureLitmus runs litmus through the proxy with TLS; litmus accepts any certificate.
func measureLitmus(ctx context.Context, b *bench) error {
	program, err := exec.LookPath("litmus")
	if err != nil {
		b.note("litmus is not installed (Debian: apt-get install litmus), so conformance was not measured.")
		return nil
	}
	return withStack(ctx, b, func(s *stack) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, "-k", s.endpoint.url(""), s.endpoint.user, s.endpoint.pass)
		cmd.Dir = s.dir // where it leaves debug.log
		output, err := cmd.CombinedOutput()
		passed, countErr := countPassed(string(output))
		if err := errors.Join(err, countErr); err != nil {
			return fmt.Errorf("litmus: %w; it said last: %s", err, lastOf(string(output)))
		}
		b.add(row{
			Group: "litmus", What: "litmus basic copymove props locks http", Target: litmusTests, AtLeast: true, Unit: "tests",
			Measured: float64(passed), Spread: "through the proxy with TLS; " + filepath.Base(program) + " -k",
		})
		return nil
	})
}

func countPassed(output string) (int, error) {
	summaries := litmusSummary.FindAllStringSubmatch(output, -1)
	if len(summaries) == 0 {
		return 0, errors.New("no suite was run")
	}
	passed := 0
	for _, summary := range summaries {
		n, err := strconv.Atoi(summary[2])
		if err != nil {
			return 0, err
		}
		passed += n
	}
	return passed, nil
}

func lastOf(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return lines[len(lines)-1]
}
