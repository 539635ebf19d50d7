package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

var trashedItem = regexp.MustCompile(`<d:href>(/remote.php/dav/trash-bin/admin/[0-9]+/?)</d:href>`)

func TestDeletedFilesAreFoundRestoredAndPurged(t *testing.T) {
	const files, bin = "/remote.php/dav/files/admin", "/remote.php/dav/trash-bin/admin"
	server := ocistest.Start(t)
	do := func(want int, method, path, body string, header ...string) string {
		t.Helper()
		status, answer := server.Do(method, path, body, header...)
		if status != want {
			t.Fatalf("%s %s gets %d: %s", method, path, status, answer)
		}
		return answer
	}
	inTrash := func() (items []string) {
		t.Helper()
		for _, found := range trashedItem.FindAllStringSubmatch(do(http.StatusMultiStatus, "PROPFIND", bin+"/", "", "Depth", "1"), -1) {
			items = append(items, found[1])
		}
		return items
	}
	large := strings.Repeat("content", 100_000)
	do(http.StatusCreated, "MKCOL", files+"/d", "")
	do(http.StatusCreated, "PUT", files+"/d/f", large)
	do(http.StatusCreated, "PUT", files+"/g", "small")
	do(http.StatusNoContent, "DELETE", files+"/d", "")
	do(http.StatusNoContent, "DELETE", files+"/g", "")
	listing := do(http.StatusMultiStatus, "PROPFIND", bin+"/", "", "Depth", "1")
	for _, part := range []string{"<oc:trashbin-original-location>g<", "<oc:trashbin-original-filename>d<", "<oc:trashbin-delete-datetime>"} {
		if !strings.Contains(listing, part) {
			t.Errorf("%s is missing in %s", part, listing)
		}
	}
	items := inTrash()
	if len(items) != 2 {
		t.Fatalf("in the trash: %v", items)
	}
	small, folder := items[0], items[1] // the newest is first
	do(http.StatusCreated, "PUT", files+"/g", "new")
	do(http.StatusPreconditionFailed, "MOVE", small, "", "Destination", server.URL(files+"/g"), "Overwrite", "F")
	do(http.StatusConflict, "MOVE", small, "", "Destination", server.URL(files+"/none/g"))
	server.KillHard("storage") // what is in the trash is on disk
	do(http.StatusCreated, "MOVE", folder, "", "Destination", server.URL(files+"/back"))
	if got := do(http.StatusOK, "GET", files+"/back/f", ""); got != large {
		t.Errorf("%d bytes came back of %d", len(got), len(large))
	}
	do(http.StatusNoContent, "MOVE", small, "", "Destination", server.URL(files+"/g"))
	if got := do(http.StatusOK, "GET", files+"/g", ""); got != "small" {
		t.Errorf("restored: %q", got)
	}
	do(http.StatusNotFound, "MOVE", small, "", "Destination", server.URL(files+"/again"))

	do(http.StatusNoContent, "DELETE", files+"/g", "")
	do(http.StatusNoContent, "DELETE", inTrash()[0], "")
	do(http.StatusNoContent, "DELETE", files+"/back", "")
	do(http.StatusNoContent, "DELETE", bin+"/", "")
	if left := inTrash(); len(left) != 0 {
		t.Errorf("in the trash: %v", left)
	}
}
