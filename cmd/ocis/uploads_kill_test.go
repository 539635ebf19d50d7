package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// slowUpload is a PUT whose content comes when the test says so.
type slowUpload struct {
	path     string
	sent     bytes.Buffer
	content  *io.PipeWriter
	answered chan error
}

// slowly begins an upload of a new file of that size, -1: it is not announced.
func slowly(t *testing.T, server *ocistest.Server, path string, size int64) *slowUpload {
	t.Helper()
	body, content := io.Pipe()
	request, err := http.NewRequest("PUT", server.URL(path), body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = size
	request.SetBasicAuth("admin", ocistest.Password)
	request.Header.Set("If-None-Match", "*") // to write it twice would be refused
	u := &slowUpload{path: path, content: content, answered: make(chan error, 1)}
	uploader := ocistest.Client(t)
	go func() {
		response, err := uploader.Do(request)
		if err == nil {
			answer, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusCreated {
				err = fmt.Errorf("%s: %s %s", path, response.Status, answer)
			}
		}
		body.CloseWithError(io.ErrClosedPipe)
		u.answered <- err
	}()
	return u
}

func (u *slowUpload) write(t *testing.T, part []byte) {
	t.Helper()
	u.sent.Write(part)
	if _, err := u.content.Write(part); err != nil {
		t.Fatalf("%s: %v, %v", u.path, err, <-u.answered)
	}
}

// end sends the end of the content and checks what has become of it.
func (u *slowUpload) end(t *testing.T, server *ocistest.Server) {
	t.Helper()
	u.content.Close()
	if err := <-u.answered; err != nil {
		t.Error(err)
		return
	}
	if status, body := server.Do("GET", u.path, ""); status != http.StatusOK || body != u.sent.String() {
		t.Errorf("%s is %d with %d bytes, sent were %d", u.path, status, len(body), u.sent.Len())
	}
}

func noise(size int) []byte {
	part := make([]byte, size)
	for i := range part {
		part[i] = byte(rand.Uint32())
	}
	return part
}

func TestUploadsGoOnWhenStorageIsKilledInTheirMiddle(t *testing.T) {
	server := ocistest.Start(t, forgiving)
	const kills, part = 6, 700_000
	uploads := []*slowUpload{
		slowly(t, server, home+"/announced", (kills+1)*part),
		slowly(t, server, home+"/unannounced", -1),
		slowly(t, server, home+"/to be cut off", -1),
	}
	for n := range kills + 1 {
		for _, u := range uploads {
			u.write(t, noise(part))
		}
		awaitBlobs(t, server, len(uploads))
		if n < kills {
			server.KillHard("storage")
		}
	}
	uploads[2].content.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-uploads[2].answered; err == nil {
		t.Error("half an upload succeeds")
	}
	awaitBlobs(t, server, 2)
	for _, u := range uploads[:2] {
		u.end(t, server)
	}
	if used, want := usedBytes(t, server), fmt.Sprint(2*(kills+1)*part); used != want {
		t.Errorf("the files take %s bytes, not %s", used, want)
	}
	if notes, err := filepath.Glob(filepath.Join(server.Base, "storage", "uploads", "*")); err != nil || len(notes) > 0 {
		t.Errorf("left are %q, %v", notes, err)
	}
}

func TestAnUploadSucceedsOnceWhenStorageIsKilledWhileItIsCommitted(t *testing.T) {
	server := ocistest.Start(t, forgiving)
	for name, happens := range map[string]func(fsnotify.Event) bool{
		"after the content is on disk": func(e fsnotify.Event) bool {
			return e.Has(fsnotify.Create) && strings.Contains(e.Name, "/blobs/") && !strings.HasSuffix(e.Name, ".new")
		},
		"after the metadata are on disk": func(e fsnotify.Event) bool {
			return e.Has(fsnotify.Remove) && strings.Contains(e.Name, "/uploads/")
		},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range 8 {
				u := slowly(t, server, fmt.Sprintf("%s/%s %d", home, name, n), -1)
				u.write(t, noise(600_000))
				killed := killWhen(t, server, happens)
				u.end(t, server)
				killed()
			}
		})
	}
}

// killWhen kills storage when something happens in its folder. It returns how to wait for
// the replacement.
func killWhen(t *testing.T, server *ocistest.Server, happens func(fsnotify.Event) bool) (await func()) {
	t.Helper()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(server.Base, "storage", "blobs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range append(folders, filepath.Join(server.Base, "storage", "uploads")) {
		if err := watcher.Add(folder); err != nil {
			t.Fatal(err)
		}
	}
	before := server.List()["storage"]
	killed := make(chan error, 1)
	go func() {
		defer watcher.Close()
		timeout := time.After(ocistest.Patience)
		for {
			select {
			case event := <-watcher.Events:
				if happens(event) {
					killed <- syscall.Kill(before.Pid, syscall.SIGKILL)
					return
				}
			case <-timeout:
				killed <- fmt.Errorf("it never happened")
				return
			}
		}
	}()
	return func() {
		t.Helper()
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		server.Await("storage is replaced", func(list map[string]client.Instance) bool {
			now := list["storage"]
			return now.Status == client.StatusReady && now.Incarnation != before.Incarnation
		})
	}
}
