package plugins

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// socketPath returns a path that is short enough for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bind")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "a.sock")
}

func mustBind(t *testing.T, socket Socket) net.Listener {
	t.Helper()
	listener, err := Bind(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestAUnixSocketIsForTheUserAlone(t *testing.T) {
	path := socketPath(t)
	mustBind(t, Socket{Network: "unix", Address: path})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %s", info.Mode())
	}
}

func TestASocketOfADeadProcessIsReplaced(t *testing.T) {
	path := socketPath(t)
	dead := mustBind(t, Socket{Network: "unix", Address: path})
	dead.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal("closing removed the file, so the test shows nothing")
	}
	mustBind(t, Socket{Network: "unix", Address: path})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestASocketThatIsServedIsLeftAlone(t *testing.T) {
	path := socketPath(t)
	mustBind(t, Socket{Network: "unix", Address: path})
	if _, err := Bind(Socket{Network: "unix", Address: path}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first one was disturbed: %v", err)
	}
	conn.Close()
}

func TestWhatCannotBeBoundIsNamed(t *testing.T) {
	file := socketPath(t)
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := mustBind(t, Socket{Network: "tcp", Address: "127.0.0.1:0"}).Addr().String()
	for name, socket := range map[string]Socket{
		"a file that is no socket": {Network: "unix", Address: file},
		"a folder that cannot be":  {Network: "unix", Address: filepath.Join(file, "a.sock")},
		"a path that is too long":  {Network: "unix", Address: filepath.Join(filepath.Dir(file), strings.Repeat("x", 120))},
		"a port that is taken":     {Network: "tcp", Address: taken},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := Bind(socket)
			if err == nil {
				listener.Close()
				t.Fatal("it was bound")
			}
			if !strings.HasPrefix(err.Error(), "bind "+socket.Address) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q", err)
			}
		})
	}
	if content, _ := os.ReadFile(file); string(content) != "precious" {
		t.Error("the file is gone")
	}
}

func TestASupervisedChildTakesOnlyWhatItWasPassed(t *testing.T) {
	passed := mustBind(t, Socket{Network: "unix", Address: socketPath(t)})
	declaration := Declaration{Name: "a", Sockets: []Socket{{Network: "unix"}, {Name: "second", Network: "unix", Address: socketPath(t)}}}
	child := newChild(Service{Declaration: declaration}, Launch{Instance: "a-1"}, true, map[string]net.Listener{"": passed})
	if listener, err := child.Listener(""); err != nil || listener != passed {
		t.Errorf("got %v, %v", listener, err)
	}
	for _, name := range []string{"", "second", "unheard-of"} {
		if listener, err := child.Listener(name); err == nil {
			listener.Close()
			t.Errorf("socket %q was made up", name)
		}
	}
}

func TestAChildStartedByHandBindsItsSockets(t *testing.T) {
	path := socketPath(t)
	child := newChild(Service{Declaration: Declaration{Name: "a", Sockets: []Socket{{Network: "unix", Address: path}}}}, Launch{}, false, nil)
	listener, err := child.Listener("")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if listener.Addr().String() != path {
		t.Errorf("it listens on %s", listener.Addr())
	}
}
