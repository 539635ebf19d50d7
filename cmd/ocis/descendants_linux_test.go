package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/plugins"
)

// An ordinary user has no control groups. The descendant is one as far as a runtime can see:
// nobody but what a child has started carries its incarnation.
func TestTheRuntimeAfterADeadOneEndsWhatItsChildrenHadStarted(t *testing.T) {
	const nobody = 65534
	site := ocistest.NewSite(t)
	ordinary := func(*exec.Cmd) {}
	if os.Getuid() == 0 {
		if err := errors.Join(os.Chmod(filepath.Dir(ocistest.Binary(t)), 0o711), os.Chown(site.Base, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
		ordinary = func(c *exec.Cmd) {
			for _, variable := range c.Env {
				if socket, is := strings.CutPrefix(variable, "NOTIFY_SOCKET="); is {
					if err := os.Chown(socket, nobody, nobody); err != nil {
						t.Fatal(err)
					}
				}
			}
			c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		}
	}
	first := site.LaunchWith(ordinary)
	first.AwaitReady()
	instances := first.List()
	descendant := startSleep(t, ordinary, plugins.IncarnationVariable(instances["web"].Incarnation))
	stranger := startSleep(t, ordinary, plugins.IncarnationVariable("of another runtime"))
	first.Signal(syscall.SIGKILL)
	first.Wait()
	if err := syscall.Kill(instances["web"].Pid, syscall.SIGKILL); err != nil { // only what it had started is left of it
		t.Fatal(err)
	}
	second := site.LaunchWith(ordinary)
	second.AwaitReady()
	awaitEnd(t, "the descendant", descendant)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(stranger.Fd()), Events: unix.POLLIN}}, 0); n != 0 || err != nil {
		t.Errorf("the stranger has ended: %v", err)
	}
	if code := second.Stop(); code != 0 {
		t.Errorf("the second runtime ended with %d", code)
	}
}

// startSleep starts a process that stays until the test ends, and returns its pidfd.
func startSleep(t *testing.T, change func(*exec.Cmd), variable string) *os.File {
	t.Helper()
	command := exec.Command("sleep", "600")
	command.Env = []string{variable}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	change(command)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(command.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed, by whomever
	})
	return os.NewFile(uintptr(fd), "pidfd")
}
