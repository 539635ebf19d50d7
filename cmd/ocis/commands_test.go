package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestEveryServiceIsHealthyFromOutside(t *testing.T) {
	server := ocistest.Start(t)
	for _, b := range family {
		if stdout, stderr, code := server.Ocis(b.name, "health"); code != 0 || !strings.Contains(stdout, b.name+" is healthy") {
			t.Errorf("%s: %d %s%s", b.name, code, stdout, stderr)
		}
	}
	for login, want := range map[string]int{"": http.StatusUnauthorized, "admin:" + ocistest.Password: http.StatusNotFound} {
		if status, body := server.Do("GET", "/healthz", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login))); status != want {
			t.Errorf("over the network %q gets %d %s", login, status, body)
		}
	}
	for _, name := range []string{"web", "storage", "nats"} { // each asks in another way
		if _, stderr, code := server.Ocis("kill", name); code != 0 {
			t.Fatal(stderr)
		}
		_, stderr, code := server.Ocis(name, "health")
		if code != 1 || !strings.Contains(stderr, "the "+name+" service does not answer") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("a service that does not run: %d %s", code, stderr)
		}
	}
}

func TestWhatIsPrintedFitsIn80ColumnsAndIsPlainInAPipe(t *testing.T) {
	server := ocistest.Start(t)
	server.KillHard("web") // something to tell
	lines := []string{"list", "tree", "events", "doctor", "users list", "users groups list", "users groups --help", "version", "--help"}
	for _, b := range family {
		lines = append(lines, "status "+b.name, b.name+" --help")
	}
	for _, command := range newApp().Commands {
		lines = append(lines, command.Name+" --help")
		for _, sub := range command.Subcommands {
			lines = append(lines, command.Name+" "+sub.Name+" --help")
		}
	}
	for _, line := range lines {
		stdout, stderr, code := server.Ocis(strings.Fields(line)...)
		if line != "doctor" && code != 0 { // a runtime is there: doctor may object
			t.Errorf("ocis %s: %d %s", line, code, stderr)
		}
		for shown := range strings.SplitSeq(stdout, "\n") {
			if isData := strings.HasPrefix(strings.TrimSpace(shown), "{"); !isData && utf8.RuneCountInString(shown) > 80 {
				t.Errorf("ocis %s: %d columns: %s", line, utf8.RuneCountInString(shown), shown)
			}
		}
		if _, flags, _ := strings.Cut(stdout, "\nOPTIONS:\n"); strings.Contains(flags, "\n      ") {
			t.Errorf("ocis %s: the help of a flag does not fit its line:\n%s", line, stdout)
		}
		if strings.Contains(stdout+stderr, "\x1b") {
			t.Errorf("ocis %s paints in a pipe", line)
		}
	}
}

func TestJSONIsJSON(t *testing.T) {
	server := ocistest.Start(t)
	for _, line := range []string{
		"list --json", "status web --json", "tree --json", "events --json", "doctor --json", "users list --json", "users groups list --json", "version --json",
		"restart web --json", "kill web --json", "run web --json", "crash web --json",
	} {
		stdout, stderr, _ := server.Ocis(strings.Fields(line)...)
		decoder := json.NewDecoder(strings.NewReader(stdout))
		for {
			var object any
			err := decoder.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("ocis %s: %v in %s%s", line, err, stdout, stderr)
				break
			}
		}
		if stdout == "" {
			t.Errorf("ocis %s prints nothing; %s", line, stderr)
		}
	}
}

func TestTheRowsOfTheListAreAContract(t *testing.T) {
	server := ocistest.Start(t)
	server.KillHard("web")
	stdout, _, _ := server.Ocis("list", "--json")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(family) {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		for _, name := range []string{
			"service", "instance", "status", "pid", "restarts", "uptime_seconds", "isolated", "node", "rss_bytes", "cpu_seconds", "last_exit",
		} {
			if _, ok := row[name]; !ok {
				t.Errorf("%s has no %s", row["service"], name)
			}
		}
		if row["service"] != "web" {
			continue
		}
		exit, _ := row["last_exit"].(map[string]any)
		if exit["signal"] != "SIGKILL" || exit["code"] != -1.0 || row["restarts"] != 1.0 {
			t.Errorf("after a kill: %+v", row)
		}
	}
}

func TestDoctorFindsWhatWouldStopTheFirstStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for setting, want := range map[string]string{
		"OCIS_STOP_BOUND=abc":                        "OCIS_STOP_BOUND",
		"OCIS_RUN_SERVICES=nosuch":                   "OCIS_RUN_SERVICES",
		"OCIS_LOG_LEVEL=loud":                        "OCIS_LOG_LEVEL",
		"PROXY_TLS=perhaps":                          "PROXY_TLS",
		"OCIS_METRICS_ADDR=" + taken.Addr().String(): "in use by process " + strconv.Itoa(os.Getpid()),
		"PROXY_HTTP_ADDR=" + taken.Addr().String():   "in use by process " + strconv.Itoa(os.Getpid()),
	} {
		site := ocistest.NewSite(t, setting)
		if stdout, stderr, code := site.Ocis("doctor"); code != 1 || !strings.Contains(stdout, want) {
			t.Errorf("%s: %d %s%s", setting, code, stdout, stderr)
		}
		if left, err := os.ReadDir(site.Base); err != nil || len(left) > 0 {
			t.Errorf("it has made %v, %v", left, err)
		}
	}
	site := ocistest.NewSite(t, "OCIS_EXCLUDE_RUN_SERVICES=proxy", "PROXY_HTTP_ADDR="+taken.Addr().String())
	if stdout, stderr, code := site.Ocis("doctor"); code != 0 {
		t.Errorf("a service that does not run needs no port: %d %s%s", code, stdout, stderr)
	}
}

func TestDoctorFindsNothingWrongBeforeAStartAndNamesARuntimeThatRuns(t *testing.T) {
	site := ocistest.NewSite(t)
	if _, stderr, code := site.Ocis("init"); code != 0 {
		t.Fatal(stderr)
	}
	if stdout, stderr, code := site.Ocis("doctor"); code != 0 {
		t.Errorf("before a start: %d %s%s", code, stdout, stderr)
	}
	server := site.Start()
	stdout, _, code := site.Ocis("doctor", "--json")
	var findings []struct{ Check, Verdict, Found, Remedy string }
	if err := json.Unmarshal([]byte(stdout), &findings); err != nil {
		t.Fatal(err)
	}
	names := func(found string) bool { return strings.Contains(found, "process "+strconv.Itoa(server.Pid())) }
	if code != 1 || !slices.ContainsFunc(findings, func(f struct{ Check, Verdict, Found, Remedy string }) bool { return names(f.Found) }) {
		t.Errorf("while process %d runs: %d %s", server.Pid(), code, stdout)
	}
}

func TestTheStatusOfAServiceThatCannotStartFitsTheTerminalAndSaysWhyOnce(t *testing.T) {
	site := ocistest.NewSite(t, "OCIS_BACKOFF_FIRST=10ms", "OCIS_BACKOFF_CAP=10ms")
	folder := filepath.Join(site.Base, "storage", "blobs") // there is no database beside it
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	server := site.Launch()
	server.AwaitRuntime()
	var stdout string
	for start := time.Now(); ; {
		status, err := server.Runtime().Status(t.Context(), "storage")
		if err != nil {
			t.Fatal(err)
		}
		if len(status.Exits) > 5 {
			stdout, _, _ = server.Ocis("status", "storage")
			break
		}
		if time.Since(start) > ocistest.Patience {
			t.Fatal("storage does not crash")
		}
	}
	list, _, _ := server.Ocis("list")
	for line := range strings.SplitSeq(stdout+list, "\n") {
		if columns := utf8.RuneCountInString(line); columns > 80 && strings.Contains(line, " ") && !strings.Contains(line, site.Base) {
			t.Errorf("%d columns: %s", columns, line)
		}
	}
	if !strings.Contains(strings.Join(strings.Fields(stdout), " "), "put a backup of it in its place") || strings.Contains(stdout, `{"`) || strings.Contains(stdout, `\u0`) {
		t.Errorf("it does not say in words why:\n%s", stdout)
	}
	if said := strings.Count(stdout, "service ended: "); said > 4 { // the state, the last exit, the last words, the log
		t.Errorf("it says so %d times:\n%s", said, stdout)
	}
}
