package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestDataSurvivesAStopAndAStart(t *testing.T) {
	site := ocistest.NewSite(t)
	first := site.Start()
	if !strings.Contains(first.Output(), site.URL("")) || !strings.Contains(first.Output(), "IDM_ADMIN_PASSWORD") {
		t.Errorf("the first start does not say how to log in:\n%s", first.Output())
	}
	if status, body := first.Do("PUT", home+"/kept", "content"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	if code := first.Stop(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
	second := site.Start()
	if strings.Contains(first.Output()+second.Output(), ocistest.Password) {
		t.Error("a password that was given is shown")
	}
	if status, body := second.Do("GET", home+"/kept", ""); status != http.StatusOK || body != "content" {
		t.Errorf("%d %s", status, body)
	}
}

func TestAGeneratedPasswordIsShownOnceAndWorks(t *testing.T) {
	site := ocistest.NewSite(t, "IDM_ADMIN_PASSWORD=")
	shown := regexp.MustCompile(`password +(\S+) +\(generated; shown only now\)`)
	first := site.Start()
	found := shown.FindStringSubmatch(first.Output())
	if found == nil {
		t.Fatalf("the first start shows no password:\n%s", first.Output())
	}
	request, err := http.NewRequest("GET", first.URL("/ocs/v1.php/cloud/user"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", found[1])
	response, err := ocistest.Client(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the shown password gets %s", response.Status)
	}
	first.Stop()
	if second := site.Start(); strings.Contains(second.Output(), found[1]) {
		t.Error("the password is shown again")
	}
}

func TestTheURLIsWhereSomebodyListensOrNotSaid(t *testing.T) {
	server := ocistest.Start(t, "PROXY_HTTP_ADDR=127.0.0.1:0")
	said := regexp.MustCompile(`URL +https://(\S+)`).FindStringSubmatch(server.Output())
	if said == nil {
		t.Fatalf("it does not say where to go:\n%s", server.Output())
	}
	conn, err := net.Dial("tcp", said[1])
	if err != nil {
		t.Fatalf("nobody listens at %s: %v", said[1], err)
	}
	conn.Close()
	if without := ocistest.Start(t, "OCIS_EXCLUDE_RUN_SERVICES=proxy"); strings.Contains(without.Output(), "URL") {
		t.Errorf("a URL is shown although no proxy runs:\n%s", without.Output())
	}
}

func TestTheSecondServerIsToldWhoIsThere(t *testing.T) {
	server := ocistest.Start(t)
	_, stderr, code := server.Ocis("server")
	if code != 1 || !strings.Contains(stderr, fmt.Sprintf("process %d", server.Pid())) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %s", code, stderr)
	}
	if status, _ := server.Do("GET", "/", ""); status != http.StatusOK {
		t.Errorf("the first one answers %d", status)
	}
}

func TestOfTwoServersThatStartAtOnceOneRuns(t *testing.T) {
	site := ocistest.NewSite(t)
	first, second := site.Launch(), site.Launch()
	loser := second
	select {
	case <-first.Ended():
		loser = first
	case <-second.Ended():
	}
	if code := loser.Wait(); code != 1 || !strings.Contains(loser.Output(), "another runtime works on") {
		t.Errorf("the slower one ended with %d:\n%s", code, loser.Output())
	}
	winner := first
	if loser == first {
		winner = second
	}
	winner.AwaitReady()
}

func TestAPortInUseIsNamedWithItsHolder(t *testing.T) {
	site := ocistest.NewSite(t)
	taken, err := net.Listen("tcp", site.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, stderr, code := site.Ocis("server")
	_, port, _ := net.SplitHostPort(site.Address)
	if code != 1 || !strings.Contains(stderr, "port "+port+" is in use by process "+fmt.Sprint(os.Getpid())) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestWrongSettingsAreOneLine(t *testing.T) {
	for setting, want := range map[string]string{
		"PROXY_HTTP_ADDR=nowhere":        "PROXY_HTTP_ADDR",
		"PROXY_HTTP_ADDR=192.0.2.1:9200": "proxy.http_addr (from variable PROXY_HTTP_ADDR): this machine has no address 192.0.2.1",
		"PROXY_TLS=perhaps":              "true or false",
		"OCIS_HEALTH_TIMEOUT=3":          "duration",
		"OCIS_ORPHAN_GRACE=4s":           "OCIS_ORPHAN_GRACE",
		"OCIS_RUN_SERVICES=storge":       `runtime.services = "storge" (from variable OCIS_RUN_SERVICES): unknown service "storge": did you mean "storage"?`,
		"OCIS_REPLICAS=web=many":         "from variable OCIS_REPLICAS",
		"OCIS_LOG_LEVEL=loud":            "error, warn, info, debug, trace",
		"STORAGE_QUOTA=a lot":            "STORAGE_QUOTA",
		"NATS_MAX_STORE=1":               "max_store",
	} {
		t.Run(setting, func(t *testing.T) {
			site := ocistest.NewSite(t, setting)
			_, stderr, code := site.Ocis("server")
			if code != 1 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%d %s", code, stderr)
			}
		})
	}
}

// appendSettings makes the settings file of a site, with more at its end.
func appendSettings(t *testing.T, site *ocistest.Site, more string) (path string, content []byte) {
	t.Helper()
	if _, stderr, code := site.Ocis("init"); code != 0 {
		t.Fatal(stderr)
	}
	path = filepath.Join(site.Base, "config", "ocis.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, more...)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func TestAnUnknownServiceInTheFileIsFound(t *testing.T) {
	site := ocistest.NewSite(t)
	path, content := appendSettings(t, site, "runtime:\n  exclude_services: [web, webdv]\n")
	where := fmt.Sprintf("%s:%d", path, strings.Count(string(content), "\n"))
	if _, stderr, code := site.Ocis("server"); code != 1 || !strings.Contains(stderr, where) || !strings.Contains(stderr, `did you mean "webdav"?`) {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestAnEmptySettingsFileIsSaidWithAWayOutThatWorks(t *testing.T) {
	site := ocistest.NewSite(t)
	folder := filepath.Join(site.Base, "config")
	file := filepath.Join(folder, "ocis.yaml")
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := site.Ocis("server")
	if code != 1 || !strings.Contains(stderr, "move one without it away") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %s", code, stderr)
	}
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := site.Ocis("init"); code != 0 {
		t.Errorf("after that: %d %s", code, stderr)
	}
}

func TestAMistypedSectionIsOneLine(t *testing.T) {
	site := ocistest.NewSite(t)
	if _, stderr, code := site.Ocis("init"); code != 0 {
		t.Fatal(stderr)
	}
	path := filepath.Join(site.Base, "config", "ocis.yaml")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(file, "storge:\n  quota: 1")
	file.Close()
	if _, stderr, code := site.Ocis("server"); code != 1 || !strings.Contains(stderr, path) || !strings.Contains(stderr, `did you mean "storage"?`) {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestCtrlCStopsInOrderAndTwiceAtOnce(t *testing.T) {
	for _, first := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		server := ocistest.Start(t)
		server.Signal(first)
		if code := server.Wait(); code != 0 {
			t.Errorf("after %s it ended with code %d:\n%s", first, code, server.Output())
		}
	}
	server := ocistest.Start(t, "OCIS_STOP_BOUND=60s")
	// A stopped process does not drain, so the ordered stop takes a while.
	if err := syscall.Kill(server.List()["proxy"].Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	server.Signal(syscall.SIGINT)
	server.AwaitStatus("proxy", client.StatusStopping)
	server.Signal(syscall.SIGINT)
	if code := server.Wait(); code != 0 {
		t.Errorf("it ended with code %d:\n%s", code, server.Output())
	}
}

func TestAStopDuringTheStartLeavesNothing(t *testing.T) {
	for phase, await := range map[string]func(*ocistest.Server){
		"before anything runs": (*ocistest.Server).AwaitLock,
		"when the first process runs": func(s *ocistest.Server) {
			s.AwaitRuntime()
			s.Await("a process is being started", func(list map[string]client.Instance) bool {
				return list["nats"].Pid != 0 || list["users"].Pid != 0 || list["storage"].Pid != 0
			})
		},
		"while one backs off": func(s *ocistest.Server) {
			s.AwaitRuntime()
			s.AwaitStatus("users", client.StatusBackoff)
		},
	} {
		t.Run(phase, func(t *testing.T) {
			server := siteWithoutUsers(t).Launch()
			await(server)
			server.Signal(syscall.SIGTERM)
			if code := server.Wait(); code != 0 {
				t.Errorf("it ended with code %d:\n%s", code, server.Output())
			}
			if strings.Contains(server.Output(), "services are ready") {
				t.Errorf("it was no start any more:\n%s", server.Output())
			}
		})
	}
}

// siteWithoutUsers is a site where the users service cannot start, so that a start never ends.
func siteWithoutUsers(t *testing.T) *ocistest.Site {
	t.Helper()
	site := ocistest.NewSite(t, "OCIS_BACKOFF_FIRST=30s", "OCIS_BACKOFF_CAP=30s")
	if err := os.Mkdir(filepath.Join(site.Base, "users"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(site.Base, "users", "users.db"), []byte("this is no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	return site
}

func TestAKilledSupervisorIsFollowedByANewOne(t *testing.T) {
	site := ocistest.NewSite(t)
	first := site.Start()
	if status, body := first.Do("PUT", home+"/kept", "content"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	left := first.List()
	first.Signal(syscall.SIGKILL)
	first.Wait()
	if err := syscall.Kill(left["storage"].Pid, 0); err != nil {
		t.Errorf("storage died with its supervisor: %v", err)
	}
	second := site.Start()
	for name, now := range second.List() {
		if now.Pid == left[name].Pid {
			t.Errorf("%s is still process %d", name, now.Pid)
		}
	}
	if status, body := second.Do("GET", home+"/kept", ""); status != http.StatusOK || body != "content" {
		t.Errorf("%d %s", status, body)
	}
}

func TestAServiceThatCannotStartSaysWhyAndTheOthersRun(t *testing.T) {
	server := siteWithoutUsers(t).Launch()
	server.AwaitRuntime()
	server.AwaitStatus("storage", client.StatusReady)
	server.AwaitStatus("users", client.StatusBackoff)
	stdout, _, _ := server.Ocis("list")
	if !strings.Contains(stdout, "users: ") || !strings.Contains(stdout, "next try in") {
		t.Errorf("list says\n%s", stdout)
	}
	stdout, _, _ = server.Ocis("status", "users")
	if !strings.Contains(stdout, "users.db") {
		t.Errorf("status says\n%s", stdout)
	}
	if code := server.Stop(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
}

func TestAStormOfCommandsEndsWithEverythingReady(t *testing.T) {
	server := ocistest.Start(t)
	var storm sync.WaitGroup
	for n := range 4 {
		for _, verb := range []string{"restart", "kill", "run", "crash"} {
			service := []string{"web", "frontend", "webdav", "storage"}[n]
			storm.Go(func() { server.Ocis(verb, service) })
		}
	}
	storm.Wait()
	for _, service := range []string{"web", "frontend", "webdav", "storage"} {
		if _, stderr, code := server.Ocis("run", service); code != 0 {
			t.Errorf("run %s: %s", service, stderr)
		}
	}
	if status, _ := server.Do("PUT", home+"/after-the-storm", "x"); status != http.StatusCreated {
		t.Errorf("a write gets %d", status)
	}
}

func TestCommandsSayWhatToDo(t *testing.T) {
	site := ocistest.NewSite(t)
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"list":             {1, "start it with `ocis server`"},
		"lst":              {2, `did you mean "list"?`},
		"status":           {2, "one service is needed"},
		"list --yaml":      {2, "--help"},
		"list web":         {2, "takes no argument"},
		"users frobnicate": {2, "unknown command"},
		"completion tcsh":  {2, "bash"},
		"web health":       {1, "ocis init"},
	} {
		_, stderr, code := site.Ocis(strings.Fields(line)...)
		if code != want.code || !strings.Contains(stderr, want.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("ocis %s: %d %s", line, code, stderr)
		}
	}
}
