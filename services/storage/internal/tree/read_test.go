package tree

import (
	"os"
	"path/filepath"
	"testing"

	storageapi "github.com/owncloud/ocis-runtime/services/storage/api"
)

func TestContentThatIsNotAsLongAsItsFileIsNotServed(t *testing.T) {
	for name, length := range map[string]int{"cut off": len(large) - 1, "empty": 0, "longer": len(large) + 1} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, Options{})
			s.put("/f", large)
			files, err := filepath.Glob(filepath.Join(s.options.Folder, "blobs", "*", "*"))
			s.must(err)
			if len(files) != 1 {
				t.Fatalf("content is in %v", files)
			}
			s.must(os.Truncate(files[0], int64(length)))
			for _, inline := range []uint64{0, 1 << 20} {
				opened, err := s.Open(t.Context(), s.owner, &storageapi.OpenRequest{Path: "/f", InlineLimit: inline})
				if err == nil && opened.File != nil {
					opened.File.Close()
				}
				oneLine(t, err, files[0], "backup")
				if status(err) != 0 {
					t.Errorf("%v is told as the client's fault", err)
				}
			}
		})
	}
}
