package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/internal/chaos"
	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// quickHealth finds hung children soon.
var quickHealth = []string{"OCIS_HEALTH_TIMEOUT=1s", "OCIS_HEALTH_INTERVAL=100ms"}

// forgiving starts crashed children at once, however often they crash.
const forgiving = "OCIS_BACKOFF_STABLE=1ms"

// chaosSite starts a server that recovers quickly.
func chaosSite(t *testing.T) *ocistest.Server {
	t.Helper()
	environ := append(slices.Clone(quickHealth), forgiving, "OCIS_CHAOS_PASSWORD="+ocistest.Password)
	return ocistest.Start(t, environ...)
}

func TestChaosHitsWhatItSaysAndNobodyNotices(t *testing.T) {
	server := chaosSite(t)
	flags := []string{"--services", "webdav,frontend,web", "--signals", "KILL,STOP", "--every", "300ms", "--for", "3s", "--seed", "7", "--user", "admin", "--max-failed", "0"}
	stdout, stderr, code := server.Ocis(append([]string{"chaos", "--json"}, flags...)...)
	if code != 0 || stderr != "" {
		t.Errorf("%d %s\n%s", code, stderr, stdout)
	}
	var report chaosReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	plan := chaos.Plan{Seed: 7, Services: []string{"frontend", "web", "webdav"}, Signals: []string{"SIGKILL", "SIGSTOP"}, Every: 300 * time.Millisecond, For: 3 * time.Second}
	schedule := plan.Schedule()
	for n, hit := range report.Hits {
		if want := schedule[n]; hit.Service != want.Service || hit.Signal != want.Signal {
			t.Errorf("hit %d is %+v, want %+v", n+1, hit, want)
		}
	}
	if total := report.Total; total.Kills < 3 || total.Recoveries != total.Kills || total.Requests < 100 || total.Refused != 0 || total.Median == 0 || total.Max < total.P99 {
		t.Errorf("%s", stdout)
	}
	if len(report.Services) != 3 || len(report.Signals) != 2 {
		t.Errorf("%s", stdout)
	}
	nothingIsStopped(t, server)
	for name, i := range server.List() {
		if wasHit := slices.Contains(plan.Services, name); (i.Restarts > 0) != wasHit {
			t.Errorf("%s was replaced %d times", name, i.Restarts)
		}
	}
}

// chaosReport is what programs read.
type chaosReport struct {
	Services, Signals []chaosRow
	Total             chaosRow
	Hits              []struct{ Service, Signal, Instance string }
}

type chaosRow struct {
	Kills, Recoveries, Requests, Failed, Refused, Lost int
	Median                                             float64 `json:"median_seconds"`
	P99                                                float64 `json:"p99_seconds"`
	Max                                                float64 `json:"max_seconds"`
}

// nothingIsStopped looks at every process of a server (proc_pid_stat(5), field 3).
func nothingIsStopped(t *testing.T, server *ocistest.Server) {
	t.Helper()
	for _, pid := range server.Processes() {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			continue // it has ended
		}
		_, fields, _ := strings.Cut(string(stat), ") ")
		if strings.HasPrefix(fields, "T") {
			t.Errorf("process %d is stopped", pid)
		}
	}
}

func TestABrokenLimitIsExitCode1(t *testing.T) {
	server := chaosSite(t)
	stdout, stderr, code := server.Ocis("chaos", "--services", "web", "--signals", "KILL", "--every", "200ms", "--for", "500ms", "--max-recovery", "1us")
	if code != 1 || !strings.Contains(stderr, "--max-recovery allows 1µs") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %s", code, stderr)
	}
	for _, wanted := range []string{"seed ", "KILL ready after ", "SERVICE", "RECOVERIES"} {
		if !strings.Contains(stdout, wanted) {
			t.Errorf("there is no %q in %s", wanted, stdout)
		}
	}
}

func TestCtrlCEndsChaosInOrder(t *testing.T) {
	server := chaosSite(t)
	command := server.Command("chaos", "--services", "web", "--signals", "STOP", "--every", "200ms", "--for", "1h")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(ocistest.Patience, func() { command.Process.Kill() })
	defer watchdog.Stop()
	var rest []string
	asked := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		switch {
		case asked:
			rest = append(rest, lines.Text())
		case strings.Contains(lines.Text(), "STOP ready after"):
			asked = true
			if err := command.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := command.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if shown := strings.Join(rest, "\n"); !strings.Contains(shown, "RECOVERIES") || !strings.Contains(shown, "\ntotal") {
		t.Errorf("after Ctrl-C: %s", shown)
	}
	nothingIsStopped(t, server)
	server.AwaitStatus("web", client.StatusReady)
}

func TestChaosRefusesWhatIsNotOfThisMachineAndHitsNothing(t *testing.T) {
	server := chaosSite(t)
	for line, wanted := range map[string]struct {
		code int
		says string
	}{
		"--probe https://192.0.2.1/":               {1, "192.0.2.1 is not an address of this machine"},
		"--probe https://" + server.Address + "/x": {1, "fails before anything is hit"},
		"--probe ftp://localhost/":                 {2, "--probe needs a URL"},
		"--services wbe":                           {2, `did you mean "web"?`},
		"--signals HUP":                            {2, "SIGKILL"},
		"--every 10s --for 1s":                     {2, "nothing would be hit"},
		"--max-failed -1":                          {2, "negative"},
		"--password-file x":                        {2, "--user"},
		"web":                                      {2, "takes no argument"},
		"--nonsense":                               {2, "--help"},
	} {
		stdout, stderr, code := server.Ocis(append([]string{"chaos"}, strings.Fields(line)...)...)
		if code != wanted.code || !strings.Contains(stderr, wanted.says) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: %d %s%s", line, code, stdout, stderr)
		}
	}
	for name, i := range server.List() {
		if i.Restarts > 0 {
			t.Errorf("%s was replaced", name)
		}
	}
}

// The control socket is served by this test: a process of this user, and no ocis.
func TestChaosRefusesARuntimeThatIsNoOcis(t *testing.T) {
	site := ocistest.NewSite(t)
	if err := os.MkdirAll(site.RunDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(site.RunDir(), client.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(ocistest.Patience))
			bufio.NewReader(conn).ReadString('\n')
			conn.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]"))
			conn.Close()
		}
	}()
	stdout, stderr, code := site.Ocis("chaos")
	listener.Close()
	<-served
	if code != 1 || stdout != "" || !strings.Contains(stderr, "and not ocis") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
}
