package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestTwoThatBoundALogAtOnceLoseNothing(t *testing.T) {
	for range 100 {
		path := filepath.Join(t.TempDir(), "web.log")
		text := strings.Repeat("a line\n", 1000)
		write(t, path, text)
		var bounding sync.WaitGroup
		for range 4 {
			bounding.Go(func() {
				if err := Bound(path, Limits{Bytes: 5000, Files: 1}); err != nil {
					t.Error(err)
				}
			})
		}
		bounding.Wait()
		if kept, err := os.ReadFile(path + ".1"); err != nil || string(kept) != text {
			t.Fatalf("%d bytes are kept, %v", len(kept), err)
		}
	}
}

func TestALogThatIsCutKeepsEveryLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	var want []string
	for n := range 100 {
		write(t, path, fmt.Sprintf("line %d\n", n))
		want = append(want, fmt.Sprintf("web line %d", n))
		if err := Bound(path, Limits{Bytes: 300, Files: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, map[string]string{"web": path}, Query{}); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("it has %q", got)
	}
}

func TestAReaderGoesOnWhereItWasWhenTheBeginningOfAFloodWasDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	write(t, path, strings.Repeat("x", 10_000)+"\nread\n")
	at := partsOf(path).end()
	write(t, path, "unread\n")
	if err := Bound(path, Limits{Bytes: 100, Files: 1}); err != nil {
		t.Fatal(err)
	}
	write(t, path, "new\n")
	buffer := make([]byte, 100)
	var got string
	for {
		n, next, err := partsOf(path).read(at, buffer)
		if err != nil {
			break
		}
		got, at = got+string(buffer[:n]), next
	}
	if got != "unread\nnew\n" {
		t.Errorf("it reads %q", got)
	}
}
