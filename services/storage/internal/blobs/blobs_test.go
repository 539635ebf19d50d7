package blobs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func open(t *testing.T, folder string) *Store {
	t.Helper()
	s, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, s *Store, content string) ID {
	t.Helper()
	id, file, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString(content)
	if err := s.Seal(id, file); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestABlobOutlivesItsRemovalForWhoHasItOpen(t *testing.T) {
	s := open(t, t.TempDir())
	id := write(t, s, "content")
	file, err := s.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := s.Remove(id); err != nil {
		t.Fatal(err)
	}
	if content, _ := io.ReadAll(file); string(content) != "content" {
		t.Errorf("content is %q", content)
	}
	if _, err := s.Read(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a removed blob: %v", err)
	}
}

func TestSweepRemovesWhatFormerProcessesLeftAndNothingElse(t *testing.T) {
	folder := t.TempDir()
	former := open(t, folder)
	used, orphan := write(t, former, "used"), write(t, former, "orphan")
	os.WriteFile(filepath.Join(folder, "blobs", "00", "not-an-id"), nil, 0o600)

	s := open(t, folder)
	unrecorded := write(t, s, "about to be used")
	removed, err := s.Sweep(t.Context(), func(ids []ID) (unused []ID, err error) {
		return slices.DeleteFunc(ids, func(id ID) bool { return id == used }), nil
	})
	if err != nil || removed != 1 {
		t.Errorf("removed %d, %v", removed, err)
	}
	for id, want := range map[ID]bool{used: true, orphan: false, unrecorded: true} {
		if _, err := os.Stat(s.path(id)); (err == nil) != want {
			t.Errorf("blob is there: %v, want %v", err == nil, want)
		}
	}
}

func TestAFolderThatCannotBeWrittenIsAnError(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "blobs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(folder); err == nil {
		t.Error("a file in the place of a folder was accepted")
	}
}

func TestFreeSpaceIsKnown(t *testing.T) {
	if free, err := open(t, t.TempDir()).Free(); err != nil || free == 0 {
		t.Errorf("free: %d, %v", free, err)
	}
}
