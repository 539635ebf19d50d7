package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestTheChildrenOfAKilledRuntimeServeOnForTheGraceAndThenDrain(t *testing.T) {
	site := ocistest.NewSite(t, "OCIS_ORPHAN_GRACE=5s", "OCIS_HEALTH_INTERVAL=100ms")
	server := site.Start()
	if status, body := server.Do("PUT", home+"/kept", "content"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	ends := map[string]*os.File{}
	for name, instance := range server.List() {
		fd, err := unix.PidfdOpen(instance.Pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		ends[name] = os.NewFile(uintptr(fd), name)
	}
	killed := time.Now()
	server.Signal(syscall.SIGKILL)
	server.Wait()
	if status, body := server.Do("GET", home+"/kept", ""); status != http.StatusOK || body != "content" {
		t.Errorf("without a runtime: %d %s", status, body)
	}
	for name, end := range ends {
		awaitEnd(t, name, end)
		if took := time.Since(killed); took < 4*time.Second { // the last call may have come a little before the kill
			t.Errorf("%s ended %s after its runtime", name, took)
		}
		log, err := os.ReadFile(filepath.Join(site.Base, "logs", name+".log"))
		if err != nil || !strings.Contains(string(log), "no supervisor was heard for 5s") || strings.Contains(string(log), "not drained") {
			t.Errorf("%s says %v\n%s", name, err, log)
		}
	}
	removeRemains(t, site.RunDir())
}

// awaitEnd waits for the end of a process that is not ours, by its pidfd, pidfd_open(2).
func awaitEnd(t *testing.T, name string, end *os.File) {
	t.Helper()
	defer end.Close()
	deadline := time.Now().Add(ocistest.Patience)
	for time.Now().Before(deadline) {
		events := []unix.PollFd{{Fd: int32(end.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(events, int(time.Until(deadline).Milliseconds()))
		if n > 0 {
			return
		}
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s lives on", name)
}

// removeRemains removes what a killed runtime leaves, as the next one would.
func removeRemains(t *testing.T, runDir string) {
	t.Helper()
	for _, pattern := range []string{"*.sock", "sockets/*", "ctl/plugin-dir*"} {
		left, err := filepath.Glob(filepath.Join(runDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				t.Error(err)
			}
		}
	}
	groups, err := os.ReadFile(filepath.Join(runDir, "cgroup"))
	if err != nil {
		return // there are none
	}
	for folder := range strings.FieldsSeq(string(groups)) {
		left, err := filepath.Glob(filepath.Join(folder, "*-*.*", "cgroup.procs")) // in both versions of control groups
		if err != nil {
			t.Fatal(err)
		}
		for _, procs := range left {
			if err := os.Remove(filepath.Dir(procs)); err != nil {
				t.Error(err)
			}
		}
		if err := os.Remove(folder); err != nil {
			t.Error(err)
		}
	}
}
