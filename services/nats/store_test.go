package nats

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAWholeStoreHasNoObstacleAndIsLeftAsItWas(t *testing.T) {
	store := t.TempDir()
	if err := os.MkdirAll(filepath.Join(store, "jetstream", "account"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store, "jetstream", "account", "meta.inf"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := obstacle(store); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(store, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAStoreThatThisUserMayNotTouchHasAnObstacle(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may touch everything")
	}
	store := t.TempDir()
	locked := filepath.Join(store, "jetstream")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := obstacle(store); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
