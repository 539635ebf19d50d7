package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// blobs returns the names of all content on disk, finished or not.
func blobs(t *testing.T, server *ocistest.Server) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(server.Base, "storage", "blobs"), func(_ string, entry fs.DirEntry, err error) error {
		switch {
		case err == nil && !entry.IsDir():
			names = append(names, entry.Name())
		case strings.HasSuffix(entry.Name(), ".new"): // it was removed meanwhile
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// awaitBlobs waits until so many are on disk. There is no event to wait for, so it asks
// the storage in between.
func awaitBlobs(t *testing.T, server *ocistest.Server, want int) {
	t.Helper()
	asker := ocistest.Client(t)
	for expired := time.Now().Add(ocistest.Patience); ; {
		found := blobs(t, server)
		if len(found) == want {
			return
		}
		if time.Now().After(expired) {
			t.Fatalf("on disk are %q, want %d", found, want)
		}
		_, _, _ = server.Try(asker, "PROPFIND", home+"/", "", "Depth", "0")
	}
}

// usedBytes is what the admin's files take.
func usedBytes(t *testing.T, server *ocistest.Server) string {
	t.Helper()
	status, listing := server.Do("PROPFIND", home+"/", `<propfind xmlns="DAV:"><prop><quota-used-bytes/></prop></propfind>`, "Depth", "0")
	if status != http.StatusMultiStatus {
		t.Fatalf("%d %s", status, listing)
	}
	_, rest, _ := strings.Cut(listing, "<d:quota-used-bytes>")
	used, _, _ := strings.Cut(rest, "<")
	return used
}

func TestAnUploadThatIsCutOffLeavesNothing(t *testing.T) {
	server := ocistest.Start(t, forgiving)
	cut := func(end func(*io.PipeWriter)) func(*testing.T) {
		return func(t *testing.T) {
			body, content := io.Pipe()
			request, err := http.NewRequest("PUT", server.URL(home+"/cut"), body)
			if err != nil {
				t.Fatal(err)
			}
			request.ContentLength = 8 << 20
			request.SetBasicAuth("admin", ocistest.Password)
			answered := make(chan error, 1)
			go func() {
				response, err := ocistest.Client(t).Do(request)
				if err == nil {
					response.Body.Close()
					if response.StatusCode/100 == 2 {
						err = fmt.Errorf("half an upload is answered with %s", response.Status)
						answered <- err
						return
					}
				}
				answered <- nil
			}()
			if _, err := content.Write(make([]byte, 4<<20)); err != nil {
				t.Fatal(err)
			}
			awaitBlobs(t, server, 1)
			end(content)
			content.CloseWithError(io.ErrUnexpectedEOF)
			if err := <-answered; err != nil {
				t.Error(err)
			}
			awaitBlobs(t, server, 0)
			if status, _ := server.Do("GET", home+"/cut", ""); status != http.StatusNotFound {
				t.Errorf("half a file is %d", status)
			}
			if used := usedBytes(t, server); used != "0" {
				t.Errorf("half a file takes %s bytes", used)
			}
		}
	}
	t.Run("by its client", cut(func(*io.PipeWriter) {}))
	for _, service := range []string{"proxy", "webdav", "storage"} {
		t.Run("by the death of "+service, cut(func(*io.PipeWriter) { server.KillHard(service) }))
	}
}

func TestAnUploadThatIsRefusedSaysWhyAndLeavesNothing(t *testing.T) {
	server := ocistest.Start(t, "STORAGE_QUOTA=1MiB")
	if status, body := server.Do("PUT", home+"/kept", "kept"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	before, used := len(blobs(t, server)), usedBytes(t, server)
	small, large := "small", strings.Repeat("x", 600<<10) // in one call, and as a descriptor
	for what, upload := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"a small one with a wrong checksum":       {small, []string{"OC-Checksum", "SHA1:" + strings.Repeat("00", 20)}, http.StatusBadRequest},
		"a large one with a wrong checksum":       {large, []string{"OC-Checksum", "MD5:" + strings.Repeat("00", 16)}, http.StatusBadRequest},
		"a checksum that cannot be read":          {small, []string{"OC-Checksum", "SHA1:xyz"}, http.StatusBadRequest},
		"more than the quota":                     {large + large, nil, http.StatusInsufficientStorage},
		"a file that is there, with a wrong ETag": {small, []string{"If-Match", `"wrong"`}, http.StatusPreconditionFailed},
	} {
		path := home + "/refused"
		if upload.want == http.StatusPreconditionFailed {
			path = home + "/kept"
		}
		if status, answer := server.Do("PUT", path, upload.body, upload.header...); status != upload.want {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
	for _, announced := range []int{100, 600 << 10} {
		if status := shortUpload(t, server, announced); status != http.StatusBadRequest {
			t.Errorf("a body of 10 bytes instead of %d: %d", announced, status)
		}
	}
	awaitBlobs(t, server, before)
	if status, _ := server.Do("GET", home+"/refused", ""); status != http.StatusNotFound {
		t.Errorf("what was refused is %d", status)
	}
	if status, body := server.Do("GET", home+"/kept", ""); status != http.StatusOK || body != "kept" {
		t.Errorf("what was there before: %d %s", status, body)
	}
	if now := usedBytes(t, server); now != used {
		t.Errorf("the files took %s bytes, and now take %s", used, now)
	}
}

// shortUpload announces more than its body has, and ends it in order.
func shortUpload(t *testing.T, server *ocistest.Server, announced int) (status int) {
	t.Helper()
	conn := rawTLS(t, server)
	request, err := http.NewRequest("PUT", server.URL(home+"/refused"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", ocistest.Password)
	var sent bytes.Buffer
	fmt.Fprintf(&sent, "PUT %s/refused HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n0123456789",
		home, request.Header.Get("Authorization"), announced)
	if _, err := conn.Write(sent.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("a body of 10 bytes instead of %d: %v", announced, err)
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}
