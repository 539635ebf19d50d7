package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// onSmallDisk makes the folder for temporary files, and with it all sites, a small file
// system of its own.
func onSmallDisk(t *testing.T, size string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	ocistest.Binary(t) // built on the large disk
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system can be mounted as root only: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", folder)
}

func TestAFullDiskStopsWritersOnly(t *testing.T) {
	onSmallDisk(t, "40m")
	server := ocistest.Start(t)
	content := strings.Repeat("0123456789abcdef", 64<<10)
	written := 0
	for ; written < 100; written++ {
		status, body := server.Do("PUT", fmt.Sprintf("%s/f%d", home, written), content)
		if status == http.StatusInsufficientStorage {
			break
		}
		if status != http.StatusCreated {
			t.Fatalf("file %d: %d %s", written, status, body)
		}
	}
	if written < 5 || written == 100 {
		t.Fatalf("%d files of 1 MiB fit on 40 MiB", written)
	}
	// What is left of the disk is taken by somebody else.
	if err := fillDisk(server.Base + "/somebody-elses"); err != nil {
		t.Fatal(err)
	}
	if status, _ := server.Do("PUT", home+"/small", "x"); status != http.StatusInsufficientStorage {
		t.Errorf("a small file gets %d", status)
	}
	for _, service := range []string{"webdav", "storage", "users"} {
		server.KillHard(service)
	}
	for n := range written {
		if status, body := server.Do("GET", fmt.Sprintf("%s/f%d", home, n), ""); status != http.StatusOK || body != content {
			t.Errorf("file %d: %d with %d bytes", n, status, len(body))
		}
	}
	status, listing := server.Do("PROPFIND", home+"/", "", "Depth", "1")
	if got := strings.Count(listing, "<d:response>"); status != http.StatusMultiStatus || got != written+1 {
		t.Errorf("%d with %d resources, %d files were acknowledged", status, got, written)
	}
	for name, instance := range server.List() {
		if instance.Status != client.StatusReady {
			t.Errorf("%s is %s: %s", name, instance.Status, instance.Message)
		}
	}
	if err := os.Remove(server.Base + "/somebody-elses"); err != nil {
		t.Fatal(err)
	}
	if status, body := server.Do("PUT", home+"/small", "x"); status != http.StatusCreated {
		t.Errorf("with room again: %d %s", status, body)
	}
	if code := server.Stop(); code != 0 {
		t.Errorf("the runtime ended with code %d", code)
	}
}

// fillDisk writes a file until there is no room.
func fillDisk(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 4096)
	for {
		if _, err := file.Write(block); err != nil {
			return nil
		}
	}
}
