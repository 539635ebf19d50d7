package shelf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, folder string, limits Limits) *Shelf {
	t.Helper()
	s, err := Open(folder, limits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Shelf, name string, bytes int) {
	t.Helper()
	if err := s.Put(name, make([]byte, bytes)); err != nil {
		t.Fatal(err)
	}
}

// age makes all files older.
func age(t *testing.T, s *Shelf, by time.Duration) {
	t.Helper()
	for _, name := range names(t, s) {
		path := filepath.Join(s.folder, name)
		info, err := os.Stat(path)
		if err == nil {
			err = os.Chtimes(path, time.Time{}, info.ModTime().Add(-by))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func names(t *testing.T, s *Shelf) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestWhatIsPutIsThereUntilItIsTooOld(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "new", "folder"), Limits{Bytes: 1 << 20, Files: 100, Lifetime: 24 * time.Hour})
	if _, err := s.Get("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for _, content := range []string{"one", "another"} {
		if err := s.Put("a", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get("a"); err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	age(t, s, 25*time.Hour)
	if _, err := s.Get("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	put(t, open(t, s.folder, s.limits), "b", 1) // the first time, it looks at all
	if left := names(t, s); !slices.Equal(left, []string{"b"}) {
		t.Errorf("left are %v", left)
	}
}

func TestTheOldestGoWhenThereIsTooMuch(t *testing.T) {
	for name, check := range map[string]struct {
		limits Limits
		bytes  int
	}{
		"bytes": {Limits{Bytes: 16_000, Files: 1000, Lifetime: time.Hour}, 1000},
		"files": {Limits{Bytes: 1 << 30, Files: 16, Lifetime: time.Hour}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), check.limits)
			for n := range 40 {
				age(t, s, time.Second)
				put(t, s, fmt.Sprintf("%02d", n), check.bytes)
				if left := names(t, s); len(left) > 17 || left[len(left)-1] != fmt.Sprintf("%02d", n) {
					t.Fatalf("after %d there are %v", n, left)
				}
			}
			if left := names(t, s); len(left) < 12 {
				t.Errorf("left are %v", left)
			}
		})
	}
}

func TestWhatIsUsedStays(t *testing.T) {
	s := open(t, t.TempDir(), Limits{Bytes: 1 << 30, Files: 16, Lifetime: 1000 * time.Hour})
	for n := range 40 {
		age(t, s, 2*time.Hour)
		put(t, s, fmt.Sprintf("%02d", n), 10)
		if _, err := s.Use("00"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatAProcessLeftUnfinishedGoesWithTime(t *testing.T) {
	s := open(t, t.TempDir(), Limits{Bytes: 1 << 20, Files: 100, Lifetime: 24 * time.Hour})
	left := unfinished + "123"
	if err := os.WriteFile(filepath.Join(s.folder, left), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", 1)
	if !slices.Contains(names(t, s), left) {
		t.Error("a file went that another process may be writing")
	}
	age(t, s, 2*time.Hour)
	put(t, open(t, s.folder, s.limits), "b", 1)
	if left := names(t, s); !slices.Equal(left, []string{"a", "b"}) {
		t.Errorf("left are %v", left)
	}
}

func TestReadersSeeOneWholeFileOrTheOther(t *testing.T) {
	s := open(t, t.TempDir(), Limits{Bytes: 1 << 20, Files: 100, Lifetime: time.Hour})
	other := open(t, s.folder, s.limits)
	contents := [][]byte{bytes.Repeat([]byte("a"), 10_000), bytes.Repeat([]byte("b"), 20_000)}
	if err := s.Put("x", contents[0]); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for n, shelf := range []*Shelf{s, other} {
		writers.Go(func() {
			for range 30 {
				if err := shelf.Put("x", contents[n]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for {
		if got, err := s.Get("x"); err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
