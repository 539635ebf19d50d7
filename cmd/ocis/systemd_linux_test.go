package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// notifySocket is systemd's end of sd_notify(3).
type notifySocket struct {
	*net.UnixConn
	t    *testing.T
	path string
}

func listenNotify(t *testing.T) notifySocket {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return notifySocket{UnixConn: conn, t: t, path: path}
}

// await returns what was said before state.
func (n notifySocket) await(state string) (before []string) {
	n.t.Helper()
	if err := n.SetReadDeadline(time.Now().Add(ocistest.Patience)); err != nil {
		n.t.Fatal(err)
	}
	message := make([]byte, 4096)
	for {
		length, err := n.Read(message)
		if err != nil {
			n.t.Fatalf("no %s: %v, only %v", state, err, before)
		}
		if got := string(message[:length]); got != state {
			before = append(before, got)
			continue
		}
		return before
	}
}

func TestSystemdIsToldWhatHappens(t *testing.T) {
	notify := listenNotify(t)
	site := ocistest.NewSite(t, "OCIS_STOP_BOUND=60s", "WATCHDOG_USEC=1000000")
	server := site.LaunchWith(func(command *exec.Cmd) { command.Env = append(command.Env, "NOTIFY_SOCKET="+notify.path) })
	for _, early := range notify.await("READY=1") {
		if early != "WATCHDOG=1" {
			t.Errorf("before it is ready it says %s", early)
		}
	}
	for name, instance := range server.List() {
		if instance.Status != client.StatusReady {
			t.Errorf("READY=1 while %s is %s", name, instance.Status)
		}
	}
	notify.await("WATCHDOG=1")
	notify.await("WATCHDOG=1")
	// A stopped process does not drain, so the stop takes until it is cut short.
	if err := syscall.Kill(server.List()["proxy"].Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	server.Signal(syscall.SIGTERM)
	notify.await("STOPPING=1")
	if got := server.List()["storage"].Status; got != client.StatusReady { // it stops after the proxy
		t.Errorf("STOPPING=1 comes when storage is %s", got)
	}
	server.Signal(syscall.SIGTERM)
	if code := server.Wait(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
}

const unitFile = "../../scripts/systemd/ocis.service"

func TestTheUnitFileIsWhatSystemdTakes(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	executable, err := os.Executable() // in place of one that is not installed here
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(t.TempDir(), "ocis.service")
	content := strings.Replace(string(unit), "/usr/local/bin/ocis", executable, 1)
	if err := os.WriteFile(here, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	// It says what it does not know and ends with code 0 all the same.
	if output, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", here).CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("%v %s", err, output)
	}
}

func TestTheUnitFileFitsTheProgram(t *testing.T) {
	content, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	unit := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			unit[key] = value
		}
	}
	for key, want := range map[string]string{
		"Type": "notify", "NotifyAccess": "main", // READY=1 comes from the supervisor
		"KillMode":                 "mixed", // only the supervisor is asked; the rest is killed if it is left
		"Restart":                  "always",
		"RestartPreventExitStatus": fmt.Sprint(exitEssential),
	} {
		if unit[key] != want {
			t.Errorf("%s=%s, want %s", key, unit[key], want)
		}
	}
	if !strings.HasSuffix(unit["ExecStart"], "/ocis server") {
		t.Errorf("ExecStart=%s", unit["ExecStart"])
	}
	if watchdog, err := time.ParseDuration(unit["WatchdogSec"]); err != nil || watchdog < 10*time.Second {
		t.Errorf("WatchdogSec=%s: %v", unit["WatchdogSec"], err)
	}
	// An ordered stop must have ended before systemd loses its patience.
	const stopBound = 15 * time.Second // the default of runtime.stop_bound
	if timeout, err := time.ParseDuration(unit["TimeoutStopSec"]); err != nil || timeout < stopBound+10*time.Second {
		t.Errorf("TimeoutStopSec=%s: %v", unit["TimeoutStopSec"], err)
	}
}
