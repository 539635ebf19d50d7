package sockets

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
)

func unixSocket(t *testing.T) plugins.Socket {
	t.Helper()
	return plugins.Socket{Network: "unix", Address: filepath.Join(t.TempDir(), "s")}
}

func TestConnectionsWaitWhileNobodyServes(t *testing.T) {
	socket := unixSocket(t)
	held := New("web", []plugins.Socket{socket})
	if err := held.Hold("web-1"); err != nil {
		t.Fatal(err)
	}
	defer held.Release("web-1")
	client, err := net.Dial("unix", socket.Address)
	if err != nil {
		t.Fatalf("refused although the socket is held: %v", err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}

	listener, err := net.FileListener(held.Files()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	word := make([]byte, 5)
	if err := served.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := served.Read(word); err != nil || string(word) != "hello" {
		t.Errorf("read %q, %v", word, err)
	}
}

func TestReleasedSocketsRefuseAndCanBeBoundAgain(t *testing.T) {
	socket := unixSocket(t)
	held := New("web", []plugins.Socket{socket})
	for range 2 {
		if err := held.Hold("web-1"); err != nil {
			t.Fatal(err)
		}
		held.Release("web-1")
		if conn, err := net.Dial("unix", socket.Address); err == nil {
			conn.Close()
			t.Fatal("a released socket accepts")
		}
	}
}

func TestSocketsStayBoundUntilTheLastHolderReleasesThem(t *testing.T) {
	held := New("web", []plugins.Socket{unixSocket(t)})
	for _, holder := range []string{"web-1", "web-2", "web-1"} {
		if err := held.Hold(holder); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		holder string
		bound  bool
	}{{"web-1", true}, {"web-1", true}, {"web-3", true}, {"web-2", false}} {
		held.Release(step.holder)
		if held.Bound() != step.bound {
			t.Errorf("after the release of %s: bound is %v", step.holder, held.Bound())
		}
	}
}

func TestATakenPortIsNamedWithItsHolder(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	first := unixSocket(t)
	held := New("proxy", []plugins.Socket{first, {Name: "public", Network: "tcp", Address: taken.Addr().String()}})
	err = held.Hold("web-1")
	port := taken.Addr().(*net.TCPAddr).Port
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d is in use by process %d", port, os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if held.Bound() {
		t.Error("some sockets stayed bound")
	}
}

func TestOfAServerAndItsChildrenTheServerIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file, err := taken.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// The later pids stand before the earlier ones where one has more digits: all are tried.
	for range 12 {
		child := exec.Command("sleep", "600")
		child.ExtraFiles = []*os.File{file}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = child.Process.Kill()
			_ = child.Wait()
		}()
	}
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	if got := Holder(port); !strings.HasPrefix(got, fmt.Sprintf("process %d ", os.Getpid())) {
		t.Errorf("it is said to be %s", got)
	}
}

func TestASocketOfADeadProcessIsReplacedAndALiveOneIsNot(t *testing.T) {
	socket := unixSocket(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket.Address})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	held := New("web", []plugins.Socket{socket})
	if err := held.Hold("web-1"); err == nil || !strings.Contains(err.Error(), "another process serves it") {
		t.Errorf("got %v", err)
	}
	dead.Close()
	if err := held.Hold("web-1"); err != nil {
		t.Error(err)
	}
	held.Release("web-1")
}

func TestAnAddressThatCannotBeBoundIsNamedWithItsSettingAndTheRemedy(t *testing.T) {
	for address, remedy := range map[string]string{
		"192.0.2.1:0":         "this machine has no address 192.0.2.1", // reserved for documentation (RFC 5737)
		"nowhere.invalid:0":   "the host nowhere.invalid is unknown",   // never resolves (RFC 2606)
		"127.0.0.1:notaport!": "",
	} {
		held := New("proxy", []plugins.Socket{{Network: "tcp", Address: address, Origin: "proxy.http_addr (from variable X)"}})
		err := held.Hold("proxy-1")
		if err == nil {
			held.Release("proxy-1")
		}
		if err == nil || !strings.Contains(err.Error(), "proxy.http_addr (from variable X): "+remedy) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestThePortThatTheKernelChoseIsToldWhileItIsBound(t *testing.T) {
	held := New("proxy", []plugins.Socket{{Network: "tcp", Address: "localhost:0", Protocol: "https"}})
	if err := held.Hold("proxy-1"); err != nil {
		t.Fatal(err)
	}
	told := held.Sockets()[0]
	conn, err := net.Dial("tcp", told.Address)
	if err != nil {
		t.Fatalf("nobody listens at %s: %v", told.Address, err)
	}
	conn.Close()
	if host, _, _ := net.SplitHostPort(told.Address); host != "localhost" || told.Protocol != "https" {
		t.Errorf("told: %+v", told)
	}
	held.Release("proxy-1")
	if told := held.Sockets()[0]; told.Address != "localhost:0" {
		t.Errorf("after the release: %+v", told)
	}
}
