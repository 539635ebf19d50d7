package logfile

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func read(t *testing.T, paths map[string]string, query Query) []string {
	t.Helper()
	var lines []string
	err := NewReader(paths, query).Read(t.Context(), func(service, line string) error {
		lines = append(lines, service+" "+line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestSeveralLogsAreReadInTheOrderOfTheirTimes(t *testing.T) {
	dir := t.TempDir()
	paths := map[string]string{"a": filepath.Join(dir, "a"), "b": filepath.Join(dir, "b"), "none": filepath.Join(dir, "none")}
	write(t, paths["a"], `{"time":"2026-03-01T12:00:01Z"}`+"\npanic: at one\n"+`{"time":"2026-03-01T12:00:03Z"}`+"\n")
	write(t, paths["b"], `{"time":"2026-03-01T12:00:02Z"}`+"\n")
	got := read(t, paths, Query{})
	want := []string{`a {"time":"2026-03-01T12:00:01Z"}`, "a panic: at one", `b {"time":"2026-03-01T12:00:02Z"}`, `a {"time":"2026-03-01T12:00:03Z"}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	since := time.Date(2026, 3, 1, 12, 0, 2, 0, time.UTC)
	if got := read(t, paths, Query{Since: since}); len(got) != 2 {
		t.Errorf("since 12:00:02 there is %q", got)
	}
	if got := read(t, paths, Query{Lines: 1}); len(got) != 2 {
		t.Errorf("the last lines are %q", got)
	}
}

func TestAFollowerSeesNewLinesOnceAndWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, "one\n")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := errors.New("done")
	var lines []string
	err := NewReader(map[string]string{"a": path}, Query{Follow: true}).Read(ctx, func(_, line string) error {
		lines = append(lines, line)
		switch line {
		case "one":
			write(t, path, "tw")
			write(t, path, "o\nthree\n")
		case "three":
			if err := Bound(path, Limits{Bytes: 1, Files: 1}); err != nil {
				return err
			}
			write(t, path, "4\n")
		case "4":
			return done
		}
		return nil
	})
	if !errors.Is(err, done) || !slices.Equal(lines, []string{"one", "two", "three", "4"}) {
		t.Errorf("followed %q, %v", lines, err)
	}
}
