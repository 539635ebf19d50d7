package nats

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/plugins/bus"
)

// diskWithoutRoom returns a folder on a file system that has room for a few files, and
// then for none.
func diskWithoutRoom(t *testing.T, fill func(folder string)) string {
	t.Helper()
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=8m,nr_inodes=64"); err != nil {
		t.Skipf("a small file system can be mounted as root only: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(folder, unix.MNT_DETACH) })
	fill(folder)
	for {
		file, err := os.CreateTemp(folder, "")
		if errors.Is(err, syscall.ENOSPC) {
			return folder
		}
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
}

func TestAStoreIsNotSetAsideBecauseTheDiskIsFull(t *testing.T) {
	folder := diskWithoutRoom(t, func(folder string) {
		if err := os.Mkdir(filepath.Join(folder, "nats"), 0o700); err != nil {
			t.Fatal(err)
		}
	})
	log, _ := test.NewNullLogger()
	n := &service{
		settings: Settings{Credentials: bus.Credentials{User: "ocis", Password: "secret"}, MaxStore: 1 << 20, MaxMemory: 1 << 20},
		store:    filepath.Join(folder, "nats"),
	}
	srv, err := n.open(logrus.NewEntry(log))
	if err == nil {
		srv.Shutdown()
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("it starts on a full disk: %v", err)
	}
	if aside, _ := filepath.Glob(n.store + ".*"); len(aside) > 0 {
		t.Errorf("set aside: %v", aside)
	}
}
