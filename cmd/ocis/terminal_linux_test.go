package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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

// Both signals may be pending at once: the kernel delivers SIGHUP, the lower one, first.
func TestASignalThatIsIgnoredAtTheStartStaysIgnored(t *testing.T) {
	server := ocistest.NewSite(t).LaunchWith(func(command *exec.Cmd) {
		command.Args = []string{"sh", "-c", `trap "" HUP INT; exec "$0" server`, command.Path} // as nohup and a shell's & do
		command.Path = "/bin/sh"
	})
	server.AwaitReady()
	server.Signal(syscall.SIGHUP)
	server.Signal(syscall.SIGINT)
	if code := server.Stop(); code != 0 || strings.Contains(server.Output(), "asked twice") {
		t.Errorf("the ignored signals counted; it ended with code %d:\n%s", code, server.Output())
	}
}

func TestAPasswordIsNeverShown(t *testing.T) {
	window, terminal := openTerminal(t)
	command := onTerminal(t, terminal, "users", "create", "alice")
	shown := expect(t, window, "Password: ")
	fmt.Fprint(window, "rosebud\r")
	shown += expect(t, window, "Once more: ")
	fmt.Fprint(window, "rosebum\r")
	shown += expect(t, window, "differ")
	if strings.Contains(shown, "rose") {
		t.Errorf("on the screen: %q", shown)
	}
	if err := command.Wait(); command.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}

func TestADeletionIsConfirmedWithTheName(t *testing.T) {
	window, terminal := openTerminal(t)
	command := onTerminal(t, terminal, "users", "delete", "admin")
	expect(t, window, "Type the name: ")
	fmt.Fprint(window, "y\r")
	expect(t, window, "nothing was deleted")
	if err := command.Wait(); command.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}

func TestCtrlCAtThePromptGivesTheTerminalBack(t *testing.T) {
	window, terminal := openTerminal(t)
	command := onTerminal(t, terminal, "users", "passwd", "alice")
	expect(t, window, "Password: ")
	fmt.Fprint(window, "rose\x03")
	if err := command.Wait(); command.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
	settings, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if settings.Lflag&unix.ECHO == 0 {
		t.Error("what is typed is not shown any more")
	}
}

func TestWhatIsShownIsColouredOnATerminalOnly(t *testing.T) {
	server := ocistest.Start(t)
	for name, test := range map[string]struct {
		environ  []string
		coloured bool
	}{
		"on a terminal": {nil, true},
		"with NO_COLOR": {[]string{"NO_COLOR=1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			window, terminal := openTerminal(t)
			command := server.Command("list")
			command.Env = append(command.Env, test.environ...)
			command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			shown := expect(t, window, "webdav") // the last row
			if err := command.Wait(); err != nil {
				t.Error(err)
			}
			if strings.Contains(shown, "\x1b[32mready\x1b[0m") != test.coloured || strings.Contains(shown, "\x1b") != test.coloured {
				t.Errorf("it shows %q", shown)
			}
		})
	}
	if stdout, _, _ := server.Ocis("list"); !strings.Contains(stdout, "ready") || strings.Contains(stdout, "\x1b") {
		t.Errorf("in a pipe it shows %q", stdout)
	}
}

// onTerminal starts a command whose terminal it is.
func onTerminal(t *testing.T, terminal *os.File, args ...string) *exec.Cmd {
	t.Helper()
	command := ocistest.NewSite(t).Command(args...)
	command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

// expect reads what is shown until it contains text.
func expect(t *testing.T, window *os.File, text string) string {
	t.Helper()
	if err := window.SetReadDeadline(time.Now().Add(ocistest.Patience)); err != nil {
		t.Fatal(err)
	}
	var shown []byte
	for buffer := make([]byte, 256); !bytes.Contains(shown, []byte(text)); {
		n, err := window.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, shown)
		}
		shown = append(shown, buffer[:n]...)
	}
	return string(shown)
}

// openTerminal returns both ends of a new terminal, pty(7).
func openTerminal(t *testing.T) (window, terminal *os.File) {
	t.Helper()
	window, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	t.Cleanup(func() { window.Close() })
	raw, err := window.SyscallConn() // unlike Fd it leaves the deadlines working
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var numberErr error
	err = raw.Control(func(fd uintptr) {
		numberErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		if numberErr == nil {
			number, numberErr = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(err, numberErr); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return window, terminal
}
