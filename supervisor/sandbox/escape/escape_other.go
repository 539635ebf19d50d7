//go:build !linux

package escape

import (
	"context"
	"errors"
	"iter"
)

type outside struct{}

// Prepare fails: there are sandboxes on Linux only.
func Prepare(string, string) (*Targets, error) {
	return nil, errors.New("there is no sandbox to test on this system: use Linux")
}

// Close does nothing.
func (t *Targets) Close() error { return nil }

// Verify returns the results as they are.
func (t *Targets) Verify(results []Result) []Result { return results }

// Run tries nothing.
func Run(context.Context, []string, *Targets, bool) iter.Seq[Result] {
	return func(func(Result) bool) {}
}

// Attempt knows no attempt.
func Attempt(string, *Targets) int { return 2 }
