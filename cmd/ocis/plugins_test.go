package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/internal/skeleton"
	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

// outside is the module of a third party: what `ocis plugins new` writes, in a folder outside
// of this repository, tested and built without a network.
var outside = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "outside")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	source, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	folder, err := skeleton.Write(dir, "greeter", skeleton.Unreleased, source)
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}, {"build", "-o", "greeter", "."}} {
		command := exec.Command("go", args...)
		command.Dir, command.Env = folder, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		if output, err := command.CombinedOutput(); err != nil {
			return nil, errors.New("go " + strings.Join(args, " ") + ": " + string(output))
		}
	}
	return os.ReadFile(filepath.Join(folder, "greeter"))
})

// executable writes the third party's program under a name, and returns its path.
func executable(t *testing.T, dir, name string) string {
	t.Helper()
	ocistest.Binary(t) // or it is skipped
	content, err := outside()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, content, 0o700)); err != nil {
		t.Fatal(err)
	}
	return path
}

func pluginsDir(s *ocistest.Site) string { return filepath.Join(s.Base, "plugins") }

// list writes a manifest for what is in the folder of the plugins.
func list(t *testing.T, s *ocistest.Site, name, more string) {
	t.Helper()
	path := filepath.Join(pluginsDir(s), name)
	sum, err := program.Sum(path)
	if err == nil {
		err = os.WriteFile(path+".yaml", []byte("name: "+name+"\nsha256: "+sum+"\n"+more), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// script puts a shell script into the folder of the plugins.
func script(t *testing.T, s *ocistest.Site, name, text string) {
	t.Helper()
	path := filepath.Join(pluginsDir(s), name)
	if err := errors.Join(os.MkdirAll(pluginsDir(s), 0o700), os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700)); err != nil {
		t.Fatal(err)
	}
}

func install(t *testing.T, s *ocistest.Site) {
	t.Helper()
	if out, errs, code := s.Ocis("plugins", "install", executable(t, t.TempDir(), "greeter")); code != 0 || !strings.Contains(out, "installed greeter 0.1.0") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
}

// configure writes ocis.yaml and adds sections to it.
func configure(t *testing.T, s *ocistest.Site, sections string) {
	t.Helper()
	if _, errs, code := s.Ocis("init"); code != 0 {
		t.Fatal(errs)
	}
	file, err := os.OpenFile(filepath.Join(s.Base, "config", "ocis.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(sections)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// greeting asks the greeter, over its socket, what it says.
func greeting(t *testing.T, s *ocistest.Site) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.RunDir(), "sockets", "greeter", "main.sock"))
	}}
	answer, err := (&http.Client{Transport: transport, Timeout: ocistest.Patience}).Get("http://greeter/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// awaitMessage waits until an instance says something.
func awaitMessage(t *testing.T, server *ocistest.Server, service, want string) {
	t.Helper()
	server.Await(service+" says "+want, func(list map[string]client.Instance) bool {
		return strings.Contains(list[service].Message, want)
	})
}

func TestAThirdPartysModuleIsAServiceLikeAnother(t *testing.T) {
	for name, isolate := range map[string]string{"open": "none", "isolated": "greeter"} {
		t.Run(name, func(t *testing.T) {
			if isolate != "none" && runtime.GOOS != "linux" {
				t.Skip("isolation needs Linux")
			}
			site := ocistest.NewSite(t)
			configure(t, site, "greeter:\n  greeting: good morning\n")
			install(t, site)
			server := site.Start("--isolate=" + isolate)
			if said := greeting(t, site); !strings.HasPrefix(said, "good morning from process ") {
				t.Errorf("it does not read its section: %s", said)
			}
			first := server.List()["greeter"]
			if first.Isolated != (isolate == "greeter") {
				t.Errorf("isolated: %v", first.Isolated)
			}
			server.KillHard("greeter")
			if said := greeting(t, site); !strings.HasPrefix(said, "good morning") {
				t.Errorf("after kill -9: %s", said)
			}
			for _, line := range []string{"restart greeter", "kill greeter", "run greeter", "scale greeter=2", "status greeter-2", "tree", "logs greeter", "crash greeter-2"} {
				if _, errs, code := site.Ocis(strings.Fields(line)...); code != 0 {
					t.Errorf("ocis %s: %d %s", line, code, errs)
				}
			}
			if out, _, _ := site.Ocis("list"); !strings.Contains(out, "greeter-2") {
				t.Errorf("it is not in the list:\n%s", out)
			}
			if out, _, _ := site.Ocis("restart", "--generate-bash-completion"); !strings.Contains(out, "greeter\n") {
				t.Errorf("no shell completes it: %s", out)
			}
			if code := server.Stop(); code != 0 {
				t.Errorf("code %d", code)
			}
			if _, err := os.Stat(filepath.Join(site.RunDir(), "programs")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("copies of programs are left: %v", err)
			}
		})
	}
}

func TestSettingsKnowTheNamesOfPlugins(t *testing.T) {
	site := ocistest.NewSite(t, "OCIS_RUN_SERVICES=nats,greeter", "OCIS_REPLICAS=greeter=3", "OCIS_ESSENTIAL_SERVICES=greeter")
	install(t, site)
	site.Start()
	status, err := site.Runtime().Status(t.Context(), "greeter")
	if err != nil || len(status.Instances) != 3 {
		t.Errorf("%d instances, %v", len(status.Instances), err)
	}
}

func TestAChangedProgramIsNotStartedAndTheOldOneStays(t *testing.T) {
	for name, more := range map[string]string{"may run twice": "", "owns its data alone": "singleton: true\n"} {
		t.Run(name, func(t *testing.T) {
			site := ocistest.NewSite(t)
			path := executable(t, pluginsDir(site), "greeter")
			list(t, site, "greeter", "sockets: [{protocol: http}]\n"+more)
			server := site.Start()
			before := server.List()["greeter"]
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			change(t, path, append(good, 'x'))
			changed := regexp.QuoteMeta(path+" has changed: its checksum is ") + "[0-9a-f]{8}…, and " + regexp.QuoteMeta(path+".yaml:2: sha256 says ") +
				"[0-9a-f]{8}…: put the listed file back, or remove and install the new one"
			_, errs, code := site.Ocis("restart", "greeter")
			if line := regexp.MustCompile(`^ocis: greeter was not restarted: ` + changed + "\n$"); code != 1 || !line.MatchString(errs) {
				t.Errorf("%d %s", code, errs)
			}
			if now := server.List()["greeter"]; now.Pid != before.Pid || now.Status != client.StatusReady {
				t.Errorf("it did not stay: %+v", now)
			}
			if out, _, code := site.Ocis("plugins", "verify"); code != 1 || !strings.Contains(out, "has changed") {
				t.Errorf("verify: %d %s", code, out)
			}
			if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			awaitMessage(t, server, "greeter", "cannot be started: "+path+" has changed")
			change(t, path, good)
			if _, errs, code := site.Ocis("run", "greeter"); code != 0 {
				t.Errorf("with the listed one: %s", errs)
			}
			if out, _, code := site.Ocis("plugins", "verify"); code != 0 || out != "greeter: ok\n" {
				t.Errorf("verify: %d %s", code, out)
			}
			if code := server.Stop(); code != 0 {
				t.Errorf("code %d", code)
			}
		})
	}
}

// change puts other content into a file, as an upgrade does: under another name first.
func change(t *testing.T, path string, content []byte) {
	t.Helper()
	next := filepath.Join(filepath.Dir(path), ".next")
	if err := errors.Join(os.WriteFile(next, content, 0o700), os.Rename(next, path)); err != nil {
		t.Fatal(err)
	}
}

func TestBadPluginsAreNamedAndTheRestRuns(t *testing.T) {
	site := ocistest.NewSite(t)
	dir := pluginsDir(site)
	executable(t, dir, "liar")
	list(t, site, "liar", "sockets: [{}]\n")
	executable(t, dir, "unlisted")
	script(t, site, "garbage", "echo good morning; exec sleep 600")
	list(t, site, "garbage", "")
	script(t, site, "mute", "exec >&-; exec sleep 600")
	list(t, site, "mute", "")
	script(t, site, "odd", "")
	list(t, site, "odd", "replcas: 2\n")
	script(t, site, "locked", "")
	list(t, site, "locked", "")
	if err := os.Chmod(filepath.Join(dir, "locked"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := site.Launch()
	server.AwaitRuntime()
	for service, want := range map[string]string{
		"liar":    dir + "/liar says that it is greeter, expected liar: its Name and that of the file must be the same",
		"garbage": "no handshake: " + dir + `/garbage: its first line on stdout is "good morning": print nothing there before plugins.Serve, logs belong on stderr`,
		"mute":    "no handshake: " + dir + "/mute: it closed stdout without a word: its main must call plugins.Serve",
		"locked":  "cannot be started: " + dir + "/locked is not executable (mode 0600): chmod 700 " + dir + "/locked",
	} {
		awaitMessage(t, server, service, want)
	}
	for _, want := range []string{
		dir + "/unlisted is not listed, there is no unlisted.yaml: `ocis plugins install " + dir + "/unlisted` makes it",
		dir + `/odd.yaml:3: unknown key replcas: did you mean \"replicas\"?`,
	} {
		if !strings.Contains(server.Output(), want) {
			t.Errorf("the log does not say %s:\n%s", want, server.Output())
		}
	}
	for _, b := range family {
		server.AwaitStatus(b.name, client.StatusReady)
	}
}

func TestInstallingRefusesWithOneLine(t *testing.T) {
	site := ocistest.NewSite(t)
	install(t, site)
	dir := t.TempDir()
	foreign := []byte("\x7fELF\x02\x02\x01" + strings.Repeat("\x00", 9) + "\x00\x02\x00\x16" + strings.Repeat("\x00", 44)) // s390x
	for name, content := range map[string][]byte{"foreign": foreign, "Upper": []byte("#!/bin/sh\n"), "config": []byte("#!/bin/sh\n"), "script": []byte("#!/bin/sh\necho hello\nexec sleep 600\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for path, want := range map[string]string{
		executable(t, dir, "greeter"): at("greeter") + ": name: greeter is taken by " + pluginsDir(site) + "/greeter: `ocis plugins remove greeter` first",
		executable(t, dir, "webdav"):  at("webdav") + `: name: "webdav" is a built-in service: give the plugin another name`,
		executable(t, dir, "liar"):    at("liar") + " says that it is greeter, expected liar: its Name and that of the file must be the same",
		at("config"):                  at("config") + `: name: "config" has another meaning here: give the plugin another name`,
		at("Upper"):                   at("Upper") + `: name: "Upper" is no name of a service: lower case letters, digits and dashes, up to 24 of them, with a letter first: rename the file, and the service with it`,
		at("plain"):                   at("plain") + " is not executable (mode 0600): chmod 700 " + at("plain"),
		at("missing"):                 at("missing") + ": no such file or directory",
		at("foreign"):                 at("foreign") + " is made for another machine (EM_S390, this one is " + map[string]string{"amd64": "EM_X86_64", "arm64": "EM_AARCH64"}[runtime.GOARCH] + "): build it with GOARCH=" + runtime.GOARCH,
		at("script"):                  "no handshake: " + at("script") + `: its first line on stdout is "hello": print nothing there before plugins.Serve, logs belong on stderr`,
	} {
		out, errs, code := site.Ocis("plugins", "install", path)
		if code != 1 || errs != "ocis: "+want+"\n" || out != "" {
			t.Errorf("%s: %d %s\ngot  %swant %s", path, code, out, errs, want)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(pluginsDir(site), "*")); len(names) != 2 {
		t.Errorf("what was refused is there: %v", names)
	}
	if hidden, _ := filepath.Glob(filepath.Join(pluginsDir(site), ".*")); len(hidden) != 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

func TestAManifestBesideTheExecutableWins(t *testing.T) {
	site, dir := ocistest.NewSite(t), t.TempDir()
	path := executable(t, dir, "greeter")
	for text, want := range map[string]string{
		"needs: [natz]\n": path + `: needs: it needs "natz", which is unknown: did you mean "nats"?`,
		"color: red\n":    path + ".yaml:1: unknown key color: known are ",
	} {
		if err := os.WriteFile(path+".yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := site.Ocis("plugins", "install", path); code != 1 || !strings.HasPrefix(errs, "ocis: "+want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("got  %swant %s", errs, want)
		}
	}
	if err := os.WriteFile(path+".yaml", []byte("summary: mine\nneeds: [nats]\nreplicas: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := site.Ocis("plugins", "install", path); code != 0 {
		t.Fatal(errs)
	}
	if out, _, _ := site.Ocis("plugins", "list", "--json"); !strings.Contains(out, `"summary": "mine"`) {
		t.Errorf("the list: %s", out)
	}
	for file, mode := range map[string]os.FileMode{"greeter": 0o700, "greeter.yaml": 0o600} {
		if info, err := os.Stat(filepath.Join(pluginsDir(site), file)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", file, info, err)
		}
	}
	if out, errs, code := site.Ocis("plugins", "remove", "greeter"); code != 0 || !strings.HasPrefix(out, "removed greeter") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if left, _ := os.ReadDir(pluginsDir(site)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestVariablesOfAManifestAreForThatServiceAlone(t *testing.T) {
	site := ocistest.NewSite(t)
	secret := filepath.Join(site.Base, "greeting")
	if err := os.WriteFile(secret, []byte("good night\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	executable(t, pluginsDir(site), "greeter")
	list(t, site, "greeter", "sockets: [{}]\nprofile: {isolate: best-effort}\nenvironment:\n  GREETER_GREETING: {file: "+secret+"}\n")
	server := site.Start()
	if said := greeting(t, site); !strings.HasPrefix(said, "good night from process ") {
		t.Errorf("it says %s", said)
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(server.List()["web"].Pid) + "/environ")
	if err == nil && strings.Contains(string(environ), "good night") {
		t.Error("another service has its variables")
	}
}

func TestAServiceNeedNotBeWrittenInGo(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
	site, dir := ocistest.NewSite(t), t.TempDir()
	content, err := os.ReadFile("testdata/greeter.py")
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "greeter"), content, 0o700),
			os.WriteFile(filepath.Join(dir, "greeter.yaml"), []byte("sockets: [{protocol: http}]\nenvironment: {GREETER_GREETING: servus}\n"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, errs, code := site.Ocis("plugins", "install", filepath.Join(dir, "greeter")); code != 0 || !strings.HasPrefix(out, "installed greeter") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	server := site.Start()
	if said := greeting(t, site); !strings.HasPrefix(said, "servus from process ") {
		t.Errorf("it says %s", said)
	}
	server.KillHard("greeter")
	for _, line := range []string{"restart greeter", "kill greeter", "run greeter"} {
		if _, errs, code := site.Ocis(strings.Fields(line)...); code != 0 {
			t.Errorf("ocis %s: %d %s", line, code, errs)
		}
	}
	if said := greeting(t, site); !strings.HasPrefix(said, "servus from process ") {
		t.Errorf("it says %s", said)
	}
}
