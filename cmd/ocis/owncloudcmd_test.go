package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// A device is a folder that owncloudcmd syncs with the admin's files: one of several
// computers of the same person.
type device struct {
	*realClient
	server  *ocistest.Server
	folder  string
	exclude string // it does not start without such a file
}

func newDevice(t *testing.T, server *ocistest.Server, name string) *device {
	t.Helper()
	d := &device{
		realClient: newRealClient(t, "owncloudcmd", "owncloud-client-cmd", "QT_QPA_PLATFORM=offscreen"),
		server:     server,
		folder:     filepath.Join(t.TempDir(), name),
		exclude:    filepath.Join(t.TempDir(), "exclude"),
	}
	if err := os.Mkdir(d.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.exclude, []byte("*.never\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *device) path(name string) string { return filepath.Join(d.folder, filepath.FromSlash(name)) }

func (d *device) write(name, content string, minutes int) {
	d.t.Helper()
	writeFile(d.t, d.path(name), []byte(content), minutes)
}

func (d *device) read(name string) string {
	d.t.Helper()
	content, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(content)
}

func (d *device) move(from, to string) {
	d.t.Helper()
	if err := os.Rename(d.path(from), d.path(to)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) remove(name string) {
	d.t.Helper()
	if err := os.RemoveAll(d.path(name)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) has(name string) bool {
	_, err := os.Lstat(d.path(name))
	return err == nil
}

// args are those of a sync.
func (d *device) args() []string {
	return []string{"--non-interactive", "--trust", "--exclude", d.exclude, "-h",
		"-u", "admin", "-p", ocistest.Password, d.folder, d.server.URL("")}
}

// sync runs the client once. Its exit code does not tell of every file that it gave
// up on; its log does.
func (d *device) sync() {
	d.t.Helper()
	output := d.run(d.args()...)
	for line := range strings.Lines(output) {
		for _, complaint := range []string{"server reported no", "did not acknowledge", "No E-Tag", "NormalError", "FatalError", "SoftError"} {
			if strings.Contains(line, complaint) {
				d.t.Errorf("%s: %s", filepath.Base(d.folder), strings.TrimSpace(line))
			}
		}
	}
}

// synced leaves out what the client keeps for itself.
func synced(path string) bool {
	name := filepath.Base(path)
	return !strings.HasPrefix(name, ".sync_") && !strings.HasPrefix(name, "._sync_") && !strings.HasPrefix(name, ".owncloudsync")
}

func TestTwoDevicesOfOwnCloudStayTheSame(t *testing.T) {
	requireClient(t, "owncloudcmd", "owncloud-client-cmd")
	server := ocistest.Start(t)
	desktop, laptop := newDevice(t, server, "desktop"), newDevice(t, server, "laptop")
	sameAfter := func(what string) {
		t.Helper()
		desktop.sync()
		laptop.sync()
		desktop.sync()
		assertSameContents(t, what, desktop.folder, laptop.folder, synced)
	}

	writeTree(t, desktop.folder, 3, 120, namesWithout(hardNames, `\:*?"<>|`), 300<<10)
	desktop.write("docs/plan.txt", "first plan", 1)
	desktop.write("docs/notes.txt", "first notes", 1)
	desktop.write("docs/old.txt", "not needed any more", 1)
	sameAfter("the initial sync")
	if laptop.read("docs/plan.txt") != "first plan" {
		t.Error("the initial sync brought something else")
	}

	desktop.write("docs/plan.txt", "second plan, from the desktop", 60)
	laptop.write("docs/notes.txt", "second notes, from the laptop", 61)
	laptop.write("from the laptop/deep/er/new.txt", "new", 62)
	sameAfter("edits on both sides")
	if desktop.read("docs/notes.txt") != "second notes, from the laptop" || laptop.read("docs/plan.txt") != "second plan, from the desktop" {
		t.Error("an edit was lost")
	}

	desktop.move("docs/plan.txt", "from the laptop/plan ü.txt")
	desktop.move("docs", "documents")
	laptop.move("from the laptop/deep", "shallow")
	desktop.remove("documents/old.txt")
	sameAfter("moves and a deletion")
	if !laptop.has("from the laptop/plan ü.txt") || laptop.has("docs") || laptop.has("documents/old.txt") || !desktop.has("shallow/er/new.txt") {
		t.Error("a move or the deletion did not arrive")
	}

	large := make([]byte, 12<<20)
	rand.NewChaCha8([32]byte{3}).Read(large)
	writeFile(t, laptop.path("large.bin"), large, 90)
	sameAfter("a file of 12 MiB")
	if !bytes.Equal([]byte(desktop.read("large.bin")), large) {
		t.Error("the large file is not the same byte for byte")
	}

	desktop.remove("from the laptop")
	laptop.remove("large.bin")
	sameAfter("deletions on both sides")
	if desktop.has("large.bin") || laptop.has("from the laptop") {
		t.Error("a deletion was undone")
	}
}

func TestOwnCloudKeepsBothVersionsOfAConflict(t *testing.T) {
	requireClient(t, "owncloudcmd", "owncloud-client-cmd")
	server := ocistest.Start(t)
	desktop, laptop := newDevice(t, server, "desktop"), newDevice(t, server, "laptop")
	desktop.write("plan.txt", "first plan", 1)
	desktop.sync()
	laptop.sync()

	desktop.write("plan.txt", "the desktop's second plan", 10)
	laptop.write("plan.txt", "what the laptop would rather do", 11)
	desktop.sync()
	laptop.sync()

	if got := laptop.read("plan.txt"); got != "the desktop's second plan" {
		t.Errorf("the first that came is not the one that is kept, but %q", got)
	}
	copies, err := filepath.Glob(laptop.path("plan (conflicted copy*"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("conflict copies: %q, %v", copies, err)
	}
	if got := laptop.read(filepath.Base(copies[0])); got != "what the laptop would rather do" {
		t.Errorf("the conflict copy holds %q", got)
	}
}

// A server whose MOVE changes the id or the ETag makes the client download a file
// again that was deleted after it was moved.
func TestOwnCloudDoesNotBringBackWhatWasDeletedAfterAMove(t *testing.T) {
	requireClient(t, "owncloudcmd", "owncloud-client-cmd")
	server := ocistest.Start(t)
	desktop := newDevice(t, server, "desktop")
	desktop.write("folder/file.txt", "a file", 1)
	desktop.write("other/keep.txt", "another", 1)
	desktop.sync()

	desktop.move("folder/file.txt", "other/moved.txt")
	desktop.sync()
	desktop.remove("other/moved.txt")
	desktop.sync()
	desktop.sync()
	if desktop.has("other/moved.txt") || desktop.has("folder/file.txt") {
		t.Error("the deleted file is back")
	}

	fresh := newDevice(t, server, "fresh")
	fresh.sync()
	assertSameContents(t, "a new device", desktop.folder, fresh.folder, synced)
}
