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
	if lines := Tail(path, 1); !slices.Equal(lines, []string{"line 999"}) {
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
	for n, want := range map[int][]string{2: {"b", "c"}, 9: {"a", "b", "c"}} {
		if got := Tail(path, n); !slices.Equal(got, want) {
			t.Errorf("%d: got %q", n, got)
		}
	}
	if got := Tail(filepath.Join(t.TempDir(), "none"), 3); got != nil {
		t.Errorf("a missing log has lines %q", got)
	}
}

func TestTheLastWordsAreThoseOfOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	write(t, path, "a\nb\nc\n")
	from := End(path)
	write(t, path, "d\ne\n")
	to := End(path)
	write(t, path, "f\n")
	for name, test := range map[string]struct {
		n        int
		from, to Position
		want     []string
	}{
		"its last lines":               {1, from, to, []string{"e"}},
		"all when there are fewer":     {9, from, to, []string{"d", "e"}},
		"to the end":                   {9, from, Position{}, []string{"d", "e", "f"}},
		"all when the log was emptied": {9, Position{offset: 1 << 20}, Position{}, []string{"a", "b", "c", "d", "e", "f"}},
		"emptied, and begun again":     {9, Position{offset: 1 << 20}, from, []string{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := LastWords(path, test.n, test.from, test.to); !slices.Equal(got, test.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTheLastWordsAreFoundAlsoWhenTheLogWasCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	cut := func() {
		if err := Bound(path, Limits{Bytes: 8, Files: 2}); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path, "another's\n")
	from := End(path)
	write(t, path, "a\nb\n")
	cut()
	if got, want := LastWords(path, 9, from, Position{}), []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("just after a cut: got %q, want %q", got, want)
	}
	write(t, path, "c\n")
	to := End(path)
	write(t, path, "next's\n")
	cut()
	if got, want := LastWords(path, 9, from, to), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("across a cut: got %q, want %q", got, want)
	}
	if got, want := Tail(path, 1), []string{"next's"}; !slices.Equal(got, want) {
		t.Errorf("the tail: got %q, want %q", got, want)
	}
	write(t, path, "and more\n")
	cut()
	if got, want := LastWords(path, 9, from, to), []string{"c"}; !slices.Equal(got, want) {
		t.Errorf("when its beginning is gone: got %q, want %q", got, want)
	}
}

func TestTheLastWordsOfAPanicAreItsBeginning(t *testing.T) {
	for _, cause := range []string{"panic: boom", "fatal error: all goroutines are asleep", "SIGSEGV: segmentation violation", "runtime: out of memory: cannot allocate"} {
		path := filepath.Join(t.TempDir(), "web.log")
		write(t, path, "starting\n"+cause+"\n\ngoroutine 1 [running]:\n"+strings.Repeat("main.main()\n", 500))
		words := LastWords(path, 5, Position{}, Position{})
		if len(words) != 5 || words[0] != cause || Cause(words) != cause {
			t.Errorf("%s: got %q", cause, words)
		}
	}
}

func TestCauseIsTheLastWordsWithoutAPanic(t *testing.T) {
	if got := Cause([]string{"first", "the last words"}); got != "the last words" {
		t.Errorf("got %q", got)
	}
	if got := Cause([]string{"first", `{"msg":"service ended","error":"no disk"}`}); got != "service ended: no disk" {
		t.Errorf("got %q", got)
	}
	if got := Cause(nil); got != "" {
		t.Errorf("nothing was said, got %q", got)
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
