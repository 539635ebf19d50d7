package main

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// The reader of a pipe goes first when Ctrl-C hits `ocis server | tee log`.
func TestALostReaderOfTheOutputDoesNotKillTheRuntime(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	server := ocistest.NewSite(t).LaunchWith(func(command *exec.Cmd) { command.Stdout, command.Stderr = writer, writer })
	reader.Close()
	server.AwaitReady()
	server.Signal(syscall.SIGINT)
	if code := server.Wait(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
}

func TestAClosedTerminalStopsTheRuntimeInOrder(t *testing.T) {
	window, terminal := openTerminal(t)
	server := ocistest.NewSite(t).LaunchWith(func(command *exec.Cmd) {
		command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	})
	terminal.Close()
	server.AwaitReady()
	window.Close() // the kernel sends SIGHUP, and writes fail from now on
	if code := server.Wait(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
}

// openTerminal returns both ends of a new terminal, pty(7).
func openTerminal(t *testing.T) (window, terminal *os.File) {
	t.Helper()
	window, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	t.Cleanup(func() { window.Close() })
	if err := unix.IoctlSetPointerInt(int(window.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(window.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return window, terminal
}
