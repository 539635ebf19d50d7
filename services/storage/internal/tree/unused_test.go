package tree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// large is content that is kept as a file.
var large = strings.Repeat("large", maxInline)

// swapDatabase closes the engine, puts content in the place of its database, opens it
// again, and returns what the database was.
func (s *stand) swapDatabase(content []byte) (was []byte) {
	s.t.Helper()
	s.must(s.Close())
	file := filepath.Join(s.options.Folder, databaseFile)
	was, err := os.ReadFile(file)
	s.must(err)
	s.must(os.WriteFile(file, content, 0o600))
	s.reopen()
	return was
}

func TestContentThatAnOlderDatabaseDoesNotKnowIsThereWhenTheNewerOneIsBack(t *testing.T) {
	s := newStand(t, Options{})
	s.put("/before", large)
	s.must(s.Close())
	backup, err := os.ReadFile(filepath.Join(s.options.Folder, databaseFile))
	s.must(err)
	s.reopen()
	s.put("/after", large)

	newest := s.swapDatabase(backup)
	if s.exists("/after") || s.read("/before") != large {
		t.Error("it is not the older database that is open")
	}
	_, _, err = s.sweep(t.Context())
	s.must(err)
	s.clock.advance(keepUnused - time.Hour)
	s.must(s.dropOld(t.Context()))

	s.swapDatabase(newest)
	if s.read("/after") != large {
		t.Error("acknowledged content is lost")
	}
	_, _, err = s.sweep(t.Context())
	s.must(err)
	s.clock.advance(2 * keepUnused)
	s.must(s.dropOld(t.Context()))
	if s.read("/after") != large || s.read("/before") != large {
		t.Error("content in use was removed")
	}
}

func TestContentThatNoDatabaseClaimsIsRemovedInTheEnd(t *testing.T) {
	s := newStand(t, Options{})
	orphan, err := s.seal([]byte(large))
	s.must(err)
	s.must(s.Close())
	s.reopen() // from here on it is a former process's
	_, _, err = s.sweep(t.Context())
	s.must(err)
	s.must(s.dropOld(t.Context()))
	if file, err := s.blobs.Read(orphan); err != nil {
		t.Errorf("it was removed at once: %v", err)
	} else {
		file.Close()
	}
	s.clock.advance(keepUnused + time.Hour)
	s.must(s.dropOld(t.Context()))
	s.must(s.Close())
	if files := filesIn(t, s.options.Folder); files != 1 {
		t.Errorf("%d files are on disk, want the database alone", files)
	}
	s.reopen()
}

func TestADatabaseThatWasLostIsNotMadeAnew(t *testing.T) {
	for name, lose := range map[string]func(file string) error{
		"missing": os.Remove,
		"empty":   func(file string) error { return os.Truncate(file, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, Options{})
			s.put("/f", large)
			s.must(s.Close())
			file := filepath.Join(s.options.Folder, databaseFile)
			whole, err := os.ReadFile(file)
			s.must(err)
			s.must(lose(file))
			for range 2 {
				tree, err := Open(s.options)
				if err == nil {
					tree.Close()
				}
				oneLine(t, err, file, "backup", "move "+s.options.Folder+" away")
			}
			s.must(os.WriteFile(file, whole, 0o600))
			s.reopen()
			if s.read("/f") != large {
				t.Error("content is lost")
			}
		})
	}
}
