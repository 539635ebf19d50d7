package plugins

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// envBehaviour makes the test binary a service in the foreground that behaves that way.
const envBehaviour = "PLUGINS_TEST_BEHAVIOUR"

func TestMain(m *testing.M) {
	if behaviour := os.Getenv(envBehaviour); behaviour != "" {
		Serve(Service{Declaration: Declaration{Name: "a"}, Run: func(ctx context.Context, _ *Child) error {
			return behave(ctx, behaviour)
		}})
		return // never; as a main function does, with code 0
	}
	os.Exit(m.Run())
}

// behave is the service's life. It says "serving" and, when asked to end, "draining".
func behave(ctx context.Context, behaviour string) error {
	if behaviour == "fail" {
		return errors.New("out of luck")
	}
	fmt.Println("serving")
	<-ctx.Done()
	fmt.Println("draining")
	if behaviour == "linger" {
		select {}
	}
	return nil
}

// foreground is a program that runs without a supervisor.
type foreground struct {
	*exec.Cmd
	t     *testing.T
	lines *bufio.Scanner
	log   *strings.Builder
}

func startForeground(t *testing.T, behaviour string, environ ...string) foreground {
	t.Helper()
	f := foreground{Cmd: exec.Command(os.Args[0]), t: t, log: &strings.Builder{}}
	f.Env = append(os.Environ(), envBehaviour+"="+behaviour, "GORACE=atexit_sleep_ms=0")
	f.Env = append(f.Env, environ...)
	f.Stderr = f.log
	stdout, err := f.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	f.lines = bufio.NewScanner(stdout)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Process.Kill() })
	return f
}

// says waits for the program's next line.
func (f foreground) says(want string) {
	f.t.Helper()
	if !f.lines.Scan() || f.lines.Text() != want {
		f.t.Fatalf("it says %q instead of %q", f.lines.Text(), want)
	}
}

func (f foreground) signal(signal syscall.Signal) {
	f.t.Helper()
	if err := f.Process.Signal(signal); err != nil {
		f.t.Fatal(err)
	}
}

func (f foreground) end() *os.ProcessState {
	f.t.Helper()
	for f.lines.Scan() {
		f.t.Errorf("it also says %q", f.lines.Text())
	}
	var exit *exec.ExitError
	if err := f.Wait(); err != nil && !errors.As(err, &exit) && !errors.Is(err, io.EOF) {
		f.t.Fatal(err)
	}
	return f.ProcessState
}

func TestWithoutASupervisorASignalDrains(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			f := startForeground(t, "serve")
			f.says("serving")
			f.signal(signal)
			f.says("draining")
			if code := f.end().ExitCode(); code != ExitDrained {
				t.Errorf("it ended with code %d", code)
			}
		})
	}
}

func TestWithoutASupervisorTheSecondSignalEndsAtOnce(t *testing.T) {
	f := startForeground(t, "linger")
	f.says("serving")
	f.signal(syscall.SIGINT)
	f.says("draining")
	f.signal(syscall.SIGINT)
	status, ok := f.end().Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v", status)
	}
}

func TestWithoutASupervisorAFailureIsSaid(t *testing.T) {
	f := startForeground(t, "fail")
	if code := f.end().ExitCode(); code != ExitCrashed {
		t.Errorf("it ended with code %d", code)
	}
	if !strings.Contains(f.log.String(), "out of luck") {
		t.Errorf("its log is %q", f.log)
	}
}
