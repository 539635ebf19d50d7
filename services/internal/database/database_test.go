package database

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// oneLine checks an error that an operator reads.
func oneLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q does not say %q in one line", err, part)
		}
	}
}

// written returns a file with something in it.
func written(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made", "test.db")
	db, err := Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte("b"))
		for i := 0; i < 2000 && err == nil; i++ {
			err = bucket.Put(fmt.Append(nil, i), make([]byte, 100))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatWasWrittenIsThereAfterOpeningItAgain(t *testing.T) {
	db, err := Open(written(t), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		if n := tx.Bucket([]byte("b")).Inspect().KeyN; n != 2000 {
			t.Errorf("%d keys", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAFileInUseIsNamedSoon(t *testing.T) {
	path := written(t)
	db, err := Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	start := time.Now()
	_, err = Open(path, 0)
	oneLine(t, err, path, "in use by another process")
	if took := time.Since(start); took > 3*OwnershipTimeout {
		t.Errorf("it took %s", took)
	}
}

func TestADamagedFileIsNamedAndKept(t *testing.T) {
	whole, err := os.ReadFile(written(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"garbage":  []byte(strings.Repeat("garbage", 10000)),
		"short":    []byte("x"),
		"cut off":  whole[:3*4096],
		"one page": whole[:4096],
		"no metas": append(make([]byte, 8192), whole[8192:]...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := Open(path, 0)
			if err == nil {
				db.Close()
			}
			oneLine(t, err, path, "backup")
			if after, err := os.ReadFile(path); err != nil || len(after) != len(content) {
				t.Errorf("%d bytes are left of %d: %v", len(after), len(content), err)
			}
		})
	}
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(file, "test.db"), 0)
	oneLine(t, err, file, "cannot be used")
}
