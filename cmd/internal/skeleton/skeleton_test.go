package skeleton

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// That what is written builds, is installed and runs is tested with the real binary, in cmd/ocis.

func TestASkeletonIsWrittenWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	folder, err := Write(dir, "my-greeter", "v1.2.3", "")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"go.mod": "module example.org/my-greeter\n", "main.go": `env:"MY_GREETER_GREETING"`, "main_test.go": "func TestItGreets", "README.md": "# my-greeter\n",
	} {
		if text, err := os.ReadFile(filepath.Join(folder, file)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", file, err, text)
		}
	}
	if text, err := os.ReadFile(filepath.Join(folder, "go.mod")); err != nil || !strings.HasSuffix(string(text), "require "+Module+" v1.2.3\n") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := Write(dir, "my-greeter", "v1.2.3", ""); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing folder: %v", err)
	}
	want := dir + " does not hold the module " + Module + ": give the folder of its go.mod"
	if _, err := Write(dir, "other", "v1.2.3", dir); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something of it is left: %v", err)
	}
}
