package plugins

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-plugin"
)

// startSupervised starts the test binary as a child of a supervisor that has not connected
// yet. It listens in socketDir.
func startSupervised(t *testing.T, socketDir string, environ ...string) foreground {
	t.Helper()
	return startForeground(t, "supervised", append([]string{
		Handshake.MagicCookieKey + "=" + Handshake.MagicCookieValue, "PLUGIN_UNIX_SOCKET_DIR=" + socketDir,
	}, environ...)...)
}

// shortDir returns a folder whose name is short enough for a socket in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// address is where a child says that it listens.
func (f foreground) address() string {
	f.t.Helper()
	if !f.lines.Scan() {
		f.t.Fatalf("no handshake: %s", f.log)
	}
	return strings.Split(f.lines.Text(), "|")[3]
}

func TestAChildThatCannotListenHasFailed(t *testing.T) {
	f := startSupervised(t, filepath.Join(t.TempDir(), "missing"))
	if code := f.end().ExitCode(); code != ExitCrashed {
		t.Errorf("it ended with code %d: %s", code, f.log)
	}
}

func TestAChildToWhichNobodyConnectsEndsAfterTheGrace(t *testing.T) {
	f := startSupervised(t, shortDir(t), envOrphanGrace+"=1ms")
	for f.lines.Scan() { // it may have said where it listens
	}
	if code := f.end().ExitCode(); code != ExitDrained || !strings.Contains(f.log.String(), "no supervisor was heard") {
		t.Errorf("it ended with code %d: %s", code, f.log)
	}
}

func TestAServiceThatLostItsSupervisorDrainsAfterTheGrace(t *testing.T) {
	f := startSupervised(t, shortDir(t), envOrphanGrace+"=100ms")
	conn, err := net.Dial("unix", f.address())
	if err != nil {
		t.Fatal(err)
	}
	supervisor, err := plugin.NewRPCClient(conn, plugin.PluginSet{DispenseName: &Binding{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.Dispense(DispenseName); err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Close(); err != nil { // go-plugin's Serve returns then
		t.Fatal(err)
	}
	if code := f.end().ExitCode(); code != ExitDrained || !strings.Contains(f.log.String(), "draining\n") {
		t.Errorf("it ended with code %d: %s", code, f.log)
	}
}
