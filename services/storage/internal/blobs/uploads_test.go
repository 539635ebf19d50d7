package blobs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"
)

// copyOf returns a second descriptor of an open file, as a writer in another process has.
func copyOf(t *testing.T, file *os.File) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	writer := os.NewFile(uintptr(fd), "writer")
	t.Cleanup(func() { writer.Close() })
	return writer
}

func TestABlobInTheMakingIsFoundForAsLongAsItsWriterHasIt(t *testing.T) {
	folder := t.TempDir()
	former := open(t, folder)
	id, file, err := former.Create()
	if err != nil {
		t.Fatal(err)
	}
	writer := copyOf(t, file)
	file.Close() // the former process has ended
	writer.WriteString("one ")

	for range 2 { // and so has a second one
		s := open(t, folder)
		file, err := s.Reopen(id)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	s := open(t, folder)
	reopened, err := s.Reopen(id)
	if err != nil || IsAbandoned(reopened) {
		t.Fatalf("%v, or it counts as abandoned", err)
	}
	writer.WriteString("two")
	for range 2 { // the first to seal it may have been killed then
		if err := s.Seal(id, reopened); err != nil {
			t.Fatal(err)
		}
	}
	if file, err := s.Reopen(id); err != nil {
		t.Errorf("it was sealed, and is not found any more: %v", err)
	} else {
		file.Close()
	}
	writer.Close()
	if !IsAbandoned(reopened) {
		t.Error("its writer is gone, and nobody knows")
	}
	reopened.Close()
	if _, err := s.Reopen(id); !errors.Is(err, ErrAbandoned) {
		t.Errorf("without a writer: %v", err)
	}
	whole, err := s.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	if content, _ := io.ReadAll(whole); string(content) != "one two" {
		t.Errorf("content is %q", content)
	}
	if _, err := s.Reopen(NewID()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that never was: %v", err)
	}
}

func TestANoteIsThereUntilItIsDropped(t *testing.T) {
	folder := t.TempDir()
	s, id := open(t, folder), NewID()
	if err := s.Note(id, []byte("whose it is")); err != nil {
		t.Fatal(err)
	}
	s = open(t, folder)
	ids, err := s.Noted()
	if err != nil || !slices.Equal(ids, []ID{id}) {
		t.Errorf("%x, %v", ids, err)
	}
	if text, err := s.ReadNote(id); err != nil || string(text) != "whose it is" {
		t.Errorf("%q, %v", text, err)
	}
	for range 2 {
		if err := s.DropNote(id); err != nil {
			t.Error(err)
		}
	}
	if ids, err := s.Noted(); err != nil || len(ids) != 0 {
		t.Errorf("%x, %v", ids, err)
	}
}
