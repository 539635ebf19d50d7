package main

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// follower is a command that goes on with what comes.
type follower struct {
	*exec.Cmd
	t     *testing.T
	lines *bufio.Scanner
}

func follow(t *testing.T, site *ocistest.Site, args ...string) follower {
	t.Helper()
	f := follower{Cmd: site.Command(args...), t: t}
	out, err := f.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	f.lines = bufio.NewScanner(out)
	f.lines.Buffer(nil, 1<<20)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(ocistest.Patience, func() { _ = f.Process.Kill() }) // ends every wait for it
	t.Cleanup(func() { timer.Stop(); _ = f.Process.Kill() })
	return f
}

// await reads on to a line with all these parts.
func (f follower) await(parts ...string) {
	f.t.Helper()
	for f.lines.Scan() {
		found := true
		for _, part := range parts {
			found = found && strings.Contains(f.lines.Text(), part)
		}
		if found {
			return
		}
	}
	f.t.Fatalf("%v ends before it shows %q", f.Args, parts)
}

// end expects that it ends well.
func (f follower) end() {
	f.t.Helper()
	for f.lines.Scan() { // to the last
	}
	if err := f.Wait(); err != nil {
		f.t.Errorf("%v ended with %v", f.Args, err)
	}
}

func TestFollowersShowWhatComesUntilTheyAreInterrupted(t *testing.T) {
	server := ocistest.Start(t, "OCIS_LOG_LEVEL=debug")
	logs, events := follow(t, server.Site, "logs", "-f", "web"), follow(t, server.Site, "events", "-f")
	logs.await("web ", `"msg":"ready"`)
	events.await("web ", "ready")
	events.await("runtime ", "ready")
	server.KillHard("web")
	logs.await("web ", `"msg":"ready"`)
	events.await("web ", "ended", "SIGKILL")
	events.await("web ", "ready")
	for _, f := range []follower{logs, events} {
		if err := f.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		f.end()
	}
}

func TestFollowersEndWithTheRuntime(t *testing.T) {
	server := ocistest.Start(t)
	logs, events := follow(t, server.Site, "logs", "-f"), follow(t, server.Site, "events", "-f")
	events.await("runtime ", "ready")
	server.Stop()
	events.await("runtime ", "stopping")
	logs.end()
	events.end()
}

func TestLogsShowsTheLinesThatAreAskedFor(t *testing.T) {
	server := ocistest.Start(t, "OCIS_LOG_LEVEL=debug")
	shown := func(args ...string) []string {
		t.Helper()
		stdout, stderr, code := server.Ocis(append([]string{"logs"}, args...)...)
		if code != 0 {
			t.Fatalf("%v: %d %s", args, code, stderr)
		}
		return strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	}
	services := map[string]bool{}
	for _, line := range shown() {
		service, _, _ := strings.Cut(line, " ")
		services[service] = true
	}
	if len(services) != len(family) {
		t.Errorf("they come from %v", services)
	}
	for _, line := range shown("web", "webdav") {
		if !strings.HasPrefix(line, "web ") && !strings.HasPrefix(line, "webdav ") {
			t.Errorf("somebody else says %s", line)
		}
	}
	if lines := shown("-n", "1", "web", "webdav"); len(lines) != 2 {
		t.Errorf("one of each are %q", lines)
	}
	if lines := shown("--since", "1ns"); len(lines) != 1 || lines[0] != "" {
		t.Errorf("since a moment ago there is %q", lines)
	}
	var line client.LogLine
	if err := json.Unmarshal([]byte(shown("--json", "-n", "1", "web")[0]), &line); err != nil || line.Service != "web" || line.Line == "" {
		t.Errorf("%+v %v", line, err)
	}
	if _, stderr, code := server.Ocis("logs", "webdv"); code != 2 || !strings.Contains(stderr, `did you mean "webdav"?`) {
		t.Errorf("%d %s", code, stderr)
	}
}
