package ocistest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// built is the binary, made at the first use by a process, and builtPlain the one that
// people have, without the race detector.
var (
	built      = sync.OnceValues(func() (string, error) { return build("-race") })
	builtPlain = sync.OnceValues(func() (string, error) { return build() })
)

func build(flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "ocis-binary")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // other users execute it too
		return "", err
	}
	binary := filepath.Join(dir, "ocis")
	build := exec.Command("go", slices.Concat([]string{"build"}, flags, []string{"-o", binary, "github.com/owncloud/ocis-runtime/cmd/ocis"})...)
	if len(flags) == 0 {
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, output)
	}
	return binary, nil
}

// Main runs the tests of a package and removes the binary afterwards. TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	for used, built := range map[*atomic.Bool]func() (string, error){&wasUsed: built, &plainWasUsed: builtPlain} {
		if !used.Load() {
			continue
		}
		if binary, err := built(); err == nil {
			os.RemoveAll(filepath.Dir(binary))
		}
	}
	os.Exit(code)
}

// These keep Main from building a binary only to remove it.
var wasUsed, plainWasUsed atomic.Bool

// Binary returns the path of the real binary. Tests that use it are slow: they are left
// out with -short.
func Binary(t *testing.T) string {
	t.Helper()
	return binary(t, &wasUsed, built)
}

// PlainBinary is Binary without the race detector, with which no limit of a process's memory
// goes.
func PlainBinary(t *testing.T) string {
	t.Helper()
	return binary(t, &plainWasUsed, builtPlain)
}

func binary(t *testing.T, used *atomic.Bool, built func() (string, error)) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs the real binary, which -short leaves out")
	}
	used.Store(true)
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
