package tree

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

// smallDisk returns a folder on a file system of 8 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small file system can be mounted as root only: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(folder, unix.MNT_DETACH) })
	return folder
}

// putSized writes the file /fI.
func (s *stand) putSized(i, size int) error {
	_, err := s.Put(s.t.Context(), s.owner, &storageapi.PutRequest{Path: fmt.Sprintf("/f%d", i), Content: make([]byte, size)})
	return err
}

// fill writes files of 100,000 bytes until the disk refuses, and returns how many fit.
func (s *stand) fill() (written int) {
	s.t.Helper()
	for ; written < 1000; written++ {
		if err := s.putSized(written, 100_000); err != nil {
			s.wants(507, err)
			break
		}
	}
	if written < 20 || written == 1000 {
		s.t.Fatalf("%d files fit", written)
	}
	return written
}

func TestAFullDiskRefusesWritesLeaksNothingAndCanBeEmptied(t *testing.T) {
	s := newStand(t, Options{Folder: smallDisk(t)})
	put := s.putSized
	written := s.fill()
	usage, err := s.Usage(t.Context(), s.owner)
	s.must(err)
	if usage.GetAvailableBytes() >= 100_000 {
		t.Errorf("%d bytes are said to be available", usage.GetAvailableBytes())
	}
	if got := len(s.list("/")); got != written {
		t.Errorf("%d files are listed, %d were acknowledged", got, written)
	}
	made := 0
	for err = nil; err == nil && made < 100_000; made++ {
		_, err = s.MakeDirectory(t.Context(), s.owner, &storageapi.MakeDirectoryRequest{Path: fmt.Sprintf("/d%d%s", made, strings.Repeat("x", 200))})
	}
	s.wants(507, err)
	for i := range written {
		s.delete(fmt.Sprintf("/f%d", i))
	}
	s.must(s.PurgeTrash(t.Context(), s.owner, ""))
	s.settle()
	s.must(s.Close())
	s.reopen()
	s.must(put(0, 100_000))

	usage, err = s.Usage(t.Context(), s.owner)
	s.must(err)
	most := usage.GetAvailableBytes() * 3 / 4
	upload := s.begin("/most", int64(most))
	if _, err := upload.File.Write(make([]byte, most)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.commitUpload(upload, most); err != nil {
		t.Errorf("an upload that has the room it asked for: %v", err)
	}
}

func TestOnAFullDiskTheOldestInTheTrashGivesWay(t *testing.T) {
	s := newStand(t, Options{Folder: smallDisk(t)})
	bob := s.as("bob")
	s.must(bob.putSized(0, 100_000))
	written := s.fill()
	bob.delete("/f0")
	const deleted = 15
	for i := range deleted {
		s.delete(fmt.Sprintf("/f%d", i))
	}
	usage, err := s.Usage(t.Context(), s.owner)
	s.must(err)
	if usage.GetAvailableBytes() < deleted*100_000 {
		t.Errorf("%d bytes are said to be available", usage.GetAvailableBytes())
	}
	_, err = s.BeginUpload(t.Context(), s.owner, &storageapi.BeginUploadRequest{Path: "/too much", Size: 100 << 20})
	s.wants(507, err)
	if got := len(s.trashed()); got != deleted {
		t.Errorf("what can never fit cost %d trashed files", deleted-got)
	}

	s.must(s.putSized(written, 300_000))
	left := s.trashed()
	if len(left) == 0 || len(left) >= deleted || left[0].GetOriginalPath() != fmt.Sprintf("/f%d", deleted-1) {
		t.Errorf("%d are left in the trash: %v", len(left), left)
	}
	if got := len(bob.trashed()); got != 0 {
		t.Errorf("the oldest is not gone: it is another user's")
	}
	for i := range 5 {
		s.must(s.putSized(written+1+i, 100_000))
	}
	s.delete(fmt.Sprintf("/f%d", written))
	upload := s.begin("/unsized", -1)
	if upload.Limit < 100_000 {
		t.Errorf("an upload that does not say its size may write %d bytes", upload.Limit)
	}
	s.AbortUpload(s.owner, upload.ID)
}
