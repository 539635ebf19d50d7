package chaos

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// The listener is this very test: of this user and machine, and no ocis.
func TestTheKernelSaysWhoListens(t *testing.T) {
	dir, err := os.MkdirTemp("", "chaos") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, client.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	them, err := whoListens(conn.(*net.UnixConn))
	us, usErr := ourselves()
	if err != nil || usErr != nil || them.pid != os.Getpid() || them.uid != us.uid || them.program != us.program || them.namespace != us.namespace {
		t.Errorf("%+v %v, and we are %+v %v", them, err, us, usErr)
	}
	elsewhere := []client.Instance{{Instance: "web-1", Node: us.host + "-not"}}
	if err := Ours(t.Context(), dir, elsewhere); err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), us.host+"-not") {
		t.Errorf("a runtime of another machine: %v", err)
	}
	if err := Ours(t.Context(), dir, nil); err != nil {
		t.Errorf("our own: %v", err)
	}
}
