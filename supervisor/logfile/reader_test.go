package logfile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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

// rotated makes a log of numbered lines, a second apart, that was cut twice.
func rotated(t *testing.T) (path string, begin time.Time) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a")
	begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for n := range 9 {
		write(t, path, fmt.Sprintf(`{"msg":"%d","time":"%s"}`+"\npanic: %d\n", n, begin.Add(time.Duration(n)*time.Second).Format(time.RFC3339Nano), n))
		if n%3 == 2 && n < 8 {
			if err := Bound(path, Limits{Bytes: 100, Files: 3}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path, begin
}

func TestOlderFilesAreReadToo(t *testing.T) {
	path, begin := rotated(t)
	var all []string
	for n := range 9 {
		at := begin.Add(time.Duration(n) * time.Second).Format(time.RFC3339Nano)
		all = append(all, fmt.Sprintf(`a {"msg":"%d","time":"%s"}`, n, at), fmt.Sprintf("a panic: %d", n))
	}
	for name, test := range map[string]struct {
		query Query
		want  []string
	}{
		"all":                             {Query{}, all},
		"since a moment in the oldest":    {Query{Since: begin.Add(time.Second)}, all[2:]},
		"since a moment in an older one":  {Query{Since: begin.Add(4 * time.Second)}, all[8:]},
		"since the newest":                {Query{Since: begin.Add(8 * time.Second)}, all[16:]},
		"since later":                     {Query{Since: begin.Add(time.Hour)}, nil},
		"the last":                        {Query{Lines: 1}, all[17:]},
		"the last of several files":       {Query{Lines: 9}, all[9:]},
		"more than there are":             {Query{Lines: 99}, all},
		"the last, as far as new enough":  {Query{Lines: 9, Since: begin.Add(7 * time.Second)}, all[14:]},
		"new enough, as far as the last":  {Query{Lines: 3, Since: begin.Add(time.Second)}, all[15:]},
		"the rest of an old line's panic": {Query{Lines: 1, Since: begin.Add(9 * time.Second)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, map[string]string{"a": path}, test.query); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestALineWhoseEndWasNotWrittenDoesNotCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, "one\ntwo\nthr")
	if got := read(t, map[string]string{"a": path}, Query{Lines: 1}); !slices.Equal(got, []string{"a two"}) {
		t.Errorf("got %q", got)
	}
}

func TestAFollowerLosesNothingWhileTheLogIsCut(t *testing.T) {
	const lines = 1000
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, "0\n")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := errors.New("done")
	expected := 0
	err := NewReader(map[string]string{"a": path}, Query{Follow: true}).Read(ctx, func(_, line string) error {
		if line != fmt.Sprint(expected) {
			return fmt.Errorf("%s in place of %d", line, expected)
		}
		expected++
		switch {
		case expected == lines:
			return done
		case expected%100 == 1: // the reader is behind while these are written and moved on
			for n := expected; n < expected+100; n++ {
				write(t, path, fmt.Sprintf("%d\n", n))
				if n%40 == 0 {
					if err := Bound(path, Limits{Bytes: 100, Files: 3}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Errorf("after %d lines: %v", expected, err)
	}
}

func TestWhatAReaderKeepsDoesNotGrowWithTheLog(t *testing.T) {
	const size, bound = 24 << 20, 4 << 20
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, strings.Repeat(`{"msg":"words","time":"2026-03-01T12:00:00Z"}`+"\n", size/2/46))
	if err := Bound(path, Limits{Bytes: size/2 - 46, Files: 1}); err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Repeat("no time\n", size/2/8))
	inUse := func() int64 {
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		return int64(memory.HeapAlloc)
	}
	before, lines := inUse(), 0
	err := NewReader(map[string]string{"a": path}, Query{}).Read(t.Context(), func(string, string) error {
		if lines++; lines%200_000 == 1 {
			if more := inUse() - before; more > bound {
				return fmt.Errorf("after %d lines it keeps %d bytes", lines, more)
			}
		}
		return nil
	})
	if err != nil || lines < size/2/46+size/2/8 {
		t.Errorf("%d lines: %v", lines, err)
	}
}

func TestALineWithoutEndComesInPieces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, strings.Repeat("x", 2*maxLine)+"y\nz\n")
	got := read(t, map[string]string{"a": path}, Query{})
	if len(got) != 4 || got[2] != "a y" || got[3] != "a z" {
		t.Errorf("%d lines", len(got))
	}
	if got := read(t, map[string]string{"a": path}, Query{Lines: 2}); len(got) != 2 || got[1] != "a z" {
		t.Errorf("%d last lines", len(got))
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
