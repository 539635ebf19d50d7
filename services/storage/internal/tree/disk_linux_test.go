package tree

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func TestAFullDiskRefusesWritesLeaksNothingAndCanBeEmptied(t *testing.T) {
	folder, err := os.MkdirTemp("", "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small file system can be mounted as root only: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(folder, unix.MNT_DETACH) })
	s := newStand(t, Options{Folder: folder})
	put := func(i, size int) error {
		_, err := s.Put(t.Context(), s.owner, &storageapi.PutRequest{Path: fmt.Sprintf("/f%d", i), Content: make([]byte, size)})
		return err
	}
	written := 0
	for ; written < 1000; written++ {
		if err := put(written, 100_000); err != nil {
			s.wants(507, err)
			break
		}
	}
	if written < 10 || written == 1000 {
		t.Fatalf("%d files fit", written)
	}
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
