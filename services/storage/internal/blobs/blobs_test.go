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

func TestSweepRemovesWhatFormerProcessesDidNotFinishAndTellsTheRest(t *testing.T) {
	folder := t.TempDir()
	former := open(t, folder)
	whole := write(t, former, "whole")
	half, file, err := former.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	written, file, err := former.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	os.WriteFile(filepath.Join(folder, "blobs", "00", "not-an-id"), nil, 0o600)

	s := open(t, folder)
	write(t, s, "of this process")
	running, file, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var told []ID
	removed, err := s.Sweep(t.Context(), func(id ID) bool { return id == written }, func(ids []ID) error {
		told = append(told, ids...)
		return nil
	})
	if err != nil || removed != 1 || !slices.Equal(told, []ID{whole}) {
		t.Errorf("removed %d, told %x, %v, want 1 and %x", removed, told, err, whole)
	}
	if err := s.Remove(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was not finished is still there: %v", err)
	}
	if _, err := s.Reopen(written); err != nil {
		t.Errorf("what somebody is still writing was touched: %v", err)
	}
	if err := s.Seal(running, file); err != nil {
		t.Errorf("what this process is writing was touched: %v", err)
	}
}

func TestABlobThatIsNotSealedCannotBeReadAndCanBeRemoved(t *testing.T) {
	s := open(t, t.TempDir())
	id, file, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := s.Read(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading it: %v", err)
	}
	if err := s.Remove(id); err != nil {
		t.Error(err)
	}
	if err := s.Seal(id, file); err == nil {
		t.Error("a removed blob was sealed")
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
