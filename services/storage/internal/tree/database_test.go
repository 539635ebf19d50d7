package tree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/database"
)

// oneLine checks an error that a person sees when the service cannot start.
func oneLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range append(parts, "") {
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q does not say %q in one line", err, part)
		}
	}
}

func TestASecondEngineOnTheSameFolderFailsSoonAndNamesTheFile(t *testing.T) {
	s := newStand(t, Options{})
	start := time.Now()
	_, err := Open(s.options)
	oneLine(t, err, filepath.Join(s.options.Folder, databaseFile), "another process")
	if took := time.Since(start); took > 3*database.OwnershipTimeout {
		t.Errorf("it took %s", took)
	}
}

func TestADamagedDatabaseIsNamed(t *testing.T) {
	s := newStand(t, Options{})
	s.must(s.Close())
	whole, err := os.ReadFile(filepath.Join(s.options.Folder, databaseFile))
	s.must(err)
	s.reopen()
	for name, content := range map[string][]byte{
		"garbage":  []byte(strings.Repeat("garbage", 10000)),
		"short":    []byte("x"),
		"cut off":  whole[:3*4096],
		"no metas": append(make([]byte, 8192), whole[8192:]...),
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, databaseFile)
		s.must(os.WriteFile(file, content, 0o600))
		tree, err := Open(Options{Folder: folder, Log: quiet()})
		if err == nil {
			tree.Close()
		}
		t.Run(name, func(t *testing.T) { oneLine(t, err, file, "backup") })
	}
}

func TestAFolderThatCannotBeUsedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Folder: filepath.Join(file, "storage"), Log: quiet()})
	oneLine(t, err, file, "cannot be used")
}
