package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestALogStaysBoundedWhileItsWriterGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "web.log")
	writer, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	limits := Limits{Bytes: 1000, Files: 2}
	for i := range 1000 {
		fmt.Fprintf(writer, "line %d\n", i)
		if err := Bound(path, limits); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 {
		t.Errorf("files are %v", files)
	}
	var total int64
	for _, file := range files {
		total += Size(file)
	}
	if total > 3*1100 {
		t.Errorf("%d bytes on disk", total)
	}
	if lines := Tail(path, 1, 0); !slices.Equal(lines, []string{"line 999"}) {
		t.Errorf("the last line is %q", lines)
	}
}

func TestAHugeLogIsNotCopiedWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	write(t, path, strings.Repeat("x", 10_000))
	if err := Bound(path, Limits{Bytes: 1000, Files: 1}); err != nil {
		t.Fatal(err)
	}
	if size := Size(path + ".1"); size != 1000 {
		t.Errorf("%d bytes were kept", size)
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	write(t, path, "a\nb\nc\n")
	offset := Size(path)
	write(t, path, "d\ne\n")
	for name, test := range map[string]struct {
		n      int
		offset int64
		want   []string
	}{
		"the last lines":               {2, 0, []string{"d", "e"}},
		"all when there are fewer":     {9, 0, []string{"a", "b", "c", "d", "e"}},
		"not from before the offset":   {9, offset, []string{"d", "e"}},
		"all when the log was emptied": {9, 1 << 20, []string{"a", "b", "c", "d", "e"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Tail(path, test.n, test.offset); !slices.Equal(got, test.want) {
				t.Errorf("got %q", got)
			}
		})
	}
	if got := Tail(filepath.Join(t.TempDir(), "none"), 3, 0); got != nil {
		t.Errorf("a missing log has lines %q", got)
	}
}

func TestCauseFindsThePanic(t *testing.T) {
	for want, lines := range map[string][]string{
		"panic: boom":                 {"starting", "panic: boom", "", "goroutine 1 [running]:", "main.main()"},
		"fatal error: all goroutines": {"fatal error: all goroutines", "goroutine 1"},
		"the last words":              {"first", "the last words"},
		"":                            nil,
	} {
		if got := Cause(lines); got != want {
			t.Errorf("%q has cause %q, want %q", lines, got, want)
		}
	}
}

func TestAFolderInPlaceOfTheLogIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("it was opened")
	}
}
