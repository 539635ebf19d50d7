package ocistest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// built is the binary, made at the first use by a process.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ocis-binary")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "ocis")
	build := exec.Command("go", "build", "-race", "-o", binary, "github.com/owncloud/ocis-runtime/cmd/ocis")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, output)
	}
	return binary, nil
})

// Main runs the tests of a package and removes the binary afterwards. TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	if wasUsed.Load() {
		if binary, err := built(); err == nil {
			os.RemoveAll(filepath.Dir(binary))
		}
	}
	os.Exit(code)
}

// wasUsed keeps Main from building a binary only to remove it.
var wasUsed atomic.Bool

// Binary returns the path of the real binary. Tests that use it are slow: they are left
// out with -short.
func Binary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs the real binary, which -short leaves out")
	}
	wasUsed.Store(true)
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
