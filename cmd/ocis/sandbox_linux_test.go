package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// nobody is a user without any right.
const nobody = 65534

// asUser runs the binary that people have as a user, with data of that user's own.
func asUser(t *testing.T, uid int, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	if os.Getuid() != 0 && uid != os.Getuid() {
		t.Skip("only root can become another user")
	}
	base, err := os.MkdirTemp("", "ocis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chown(base, uid, uid); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(ocistest.PlainBinary(t), args...)
	command.Dir = base
	command.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + base, "OCIS_BASE_DATA_PATH=" + base}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	var out, errs strings.Builder
	command.Stdout, command.Stderr = &out, &errs
	_ = command.Run() // the exit code says it
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

func bothUsers() map[string]int { return map[string]int{"root": 0, "an ordinary user": nobody} }

func TestNothingGetsOutOfASandbox(t *testing.T) {
	for name, uid := range bothUsers() {
		for _, service := range familyNames() {
			t.Run(name+" "+service, func(t *testing.T) {
				out, errs, code := asUser(t, uid, "sandbox", "test", service, "--json")
				var suite suiteResult
				if err := json.Unmarshal([]byte(out), &suite); err != nil {
					t.Fatalf("%v: %s", err, errs)
				}
				refused := 0
				for _, attempt := range suite.Attempts {
					if attempt.Escaped || attempt.Untried {
						t.Errorf("%s: %s%s, expected %s", attempt.Name, attempt.Got, attempt.NotApplicable, attempt.Expected)
					}
					if attempt.NotApplicable == "" {
						refused++
					}
				}
				if refused < 45 || code != 0 || !sandbox.Full(suite.Layers) {
					t.Errorf("%d attempts were refused, code %d: %s", refused, code, errs)
				}
			})
		}
	}
}

func TestTheAttemptsToGetOutAreReal(t *testing.T) {
	for name, uid := range bothUsers() {
		t.Run(name, func(t *testing.T) {
			out, errs, code := asUser(t, uid, "sandbox", "test", "storage", "--without", "--json")
			var suite suiteResult
			if err := json.Unmarshal([]byte(out), &suite); err != nil || code != 0 {
				t.Fatalf("%v, code %d: %s", err, code, errs)
			}
			got := 0
			for _, attempt := range suite.Attempts {
				if attempt.Escaped {
					got++
				}
			}
			if got <= len(suite.Attempts)/2 {
				t.Errorf("%d of %d attempts succeed without a sandbox", got, len(suite.Attempts))
			}
		})
	}
}

func familyNames() []string {
	var names []string
	for _, b := range family {
		names = append(names, b.name)
	}
	return names
}

func isolations(t *testing.T, site *ocistest.Site) map[string]string {
	t.Helper()
	instances, err := site.Runtime().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, i := range instances {
		found[i.Service] = i.Isolation
		if i.Isolated != (i.Isolation == "full") {
			t.Errorf("%+v", i)
		}
	}
	return found
}

func TestAllServicesRunIsolatedAndComeBackIsolated(t *testing.T) {
	server := ocistest.NewSite(t).Start("--isolate=all")
	for service, isolation := range isolations(t, server.Site) {
		if isolation != "full" {
			t.Errorf("%s: %q", service, isolation)
		}
	}
	if _, errs, code := server.Ocis("restart", "--all"); code != 0 {
		t.Fatal(errs)
	}
	for service, isolation := range isolations(t, server.Site) {
		if isolation != "full" {
			t.Errorf("%s after a restart: %q", service, isolation)
		}
	}
	out, _, _ := server.Ocis("sandbox", "report", "webdav")
	for _, part := range []string{"isolation: strict, 9.", "landlock", "enforced", "peers        nats, storage"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
	list, _, _ := server.Ocis("list")
	if n := strings.Count(list, " yes "); n != len(family) {
		t.Errorf("%d of %d are isolated:\n%s", n, len(family), list)
	}
}

func TestOneServiceIsIsolatedByWhoeverSaysSo(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *ocistest.Server{
		"flag": func(t *testing.T) *ocistest.Server {
			return ocistest.NewSite(t, "OCIS_ISOLATE=none").Start("--isolate=web")
		},
		"variable": func(t *testing.T) *ocistest.Server { return ocistest.Start(t, "OCIS_ISOLATE=web,thumbnails:off") },
		"section": func(t *testing.T) *ocistest.Server {
			site := ocistest.NewSite(t)
			site.Ocis("init")
			appendTo(t, site.Base+"/config/ocis.yaml", "web:\n    isolate: true\n")
			return site.Start()
		},
		"variable against section": func(t *testing.T) *ocistest.Server {
			site := ocistest.NewSite(t, "OCIS_ISOLATE=web")
			site.Ocis("init")
			appendTo(t, site.Base+"/config/ocis.yaml", "web:\n    isolate: false\n")
			return site.Start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := isolations(t, start(t).Site)
			if found["web"] != "full" || found["webdav"] != "" {
				t.Errorf("got %v", found)
			}
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAProfileGrantsIsSaidInWords(t *testing.T) {
	said := map[string]string{}
	for _, grant := range grants(plugins.Profile{Write: []string{"/a", "/b"}, Limits: plugins.Limits{Processes: 7, FileBytes: 5 << 20, CPUPercent: 50}}) {
		said[grant[0]] = grant[1]
	}
	for what, want := range map[string]string{
		"writes": "/a, /b", "reads": "-", "network": "no",
		"limits": "7 processes and threads, 8192 open files each, 64.0M in /tmp, files of 5.0M, 50 % of one processor",
	} {
		if said[what] != want {
			t.Errorf("%s: %q, want %q", what, said[what], want)
		}
	}
}

func TestTheAttemptsEndWhenTheyAreInterrupted(t *testing.T) {
	site := ocistest.NewSite(t)
	command := site.Command("sandbox", "test", "storage")
	var errs strings.Builder
	command.Stderr = &errs
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	site.AwaitInRunDir("the attempts begin", func() bool { // and signals are taken
		made, _ := filepath.Glob(site.RunDir() + "/t*")
		return len(made) > 0
	})
	_ = command.Process.Signal(syscall.SIGINT)
	if err := command.Wait(); command.ProcessState.ExitCode() != exitFailure || !strings.Contains(errs.String(), "the attempts were cut short: their process killed by SIGKILL") {
		t.Errorf("%v: %s", err, errs.String())
	}
	if left, _ := filepath.Glob(site.RunDir() + "/[tb]*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestTheSectionOfAServiceSaysMoreThanAWordForAllInTheSameFile(t *testing.T) {
	site := ocistest.NewSite(t)
	site.Ocis("init")
	file, err := os.OpenFile(site.Base+"/config/ocis.yaml", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString("runtime:\n    isolate: [all]\nweb:\n    isolate: false\n")
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	site.Start()
	if found := isolations(t, site); found["web"] != "" || found["frontend"] != "full" || found["thumbnails"] != "full" {
		t.Errorf("got %v", found)
	}
}

func TestBadIsolationIsOneLineBeforeAnythingStarts(t *testing.T) {
	site := ocistest.NewSite(t)
	site.Ocis("init")
	file := site.Base + "/config/ocis.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, errs, code := site.Ocis("server", "--isolate=webdaw"); code != exitUsage || errs != "ocis: --isolate=webdaw: unknown service \"webdaw\": did you mean \"webdav\"?\n" {
		t.Errorf("code %d: %s", code, errs)
	}
	if err := os.WriteFile(file, append(text, "web:\n    isolate_read: [/this/is/not/there]\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := site.Ocis("server")
	want := fmt.Sprintf("%s:%d): /this/is/not/there does not exist", file, strings.Count(string(text), "\n")+2)
	if code != exitFailure || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
		t.Errorf("code %d: %s, want %s", code, errs, want)
	}
}

// withoutNamespaces lets a command run where user namespaces cannot be made, as in many
// containers.
func withoutNamespaces(command *exec.Cmd) {
	command.Path = "/bin/sh"
	command.Args = append([]string{"sh", "-c", `echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"`, "sh"}, command.Args...)
	command.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
	command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

func TestWhereThereAreNoNamespacesStrictFailsAndBestEffortSaysWhatIsMissing(t *testing.T) {
	site := ocistest.NewSite(t, "OCIS_ISOLATE=web,frontend:best-effort,thumbnails:off")
	server := site.LaunchWith(withoutNamespaces)
	server.AwaitRuntime()
	server.Await("web is in backoff, and the others are ready", func(byName map[string]client.Instance) bool {
		return byName["web"].Status == client.StatusBackoff && byName["frontend"].Status == client.StatusReady && byName["webdav"].Status == client.StatusReady
	})
	web, err := site.Runtime().Status(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if message := web.Instances[0].Message; !strings.Contains(message, "the kernel gives no namespaces") || !strings.Contains(message, "set sysctl user.max_user_namespaces") || strings.Contains(message, "\n") {
		t.Errorf("web: %s", message)
	}
	frontend, err := site.Runtime().Status(t.Context(), "frontend")
	if err != nil {
		t.Fatal(err)
	}
	if frontend.Instances[0].Isolation != "partial" || frontend.Instances[0].Isolated {
		t.Errorf("frontend: %+v", frontend.Instances[0])
	}
	for _, layer := range frontend.Isolation.Layers {
		enforced := slices.Contains([]string{sandbox.LayerLandlock, sandbox.LayerSeccomp, sandbox.LayerCapabilities, sandbox.LayerPrivileges}, layer.Name)
		if enforced && layer.State != client.LayerEnforced || layer.Name == sandbox.LayerUser && (layer.State != client.LayerMissing || layer.Remedy == "") {
			t.Errorf("%+v", layer)
		}
	}
	if !strings.Contains(server.Output(), "frontend is isolated without user namespace") {
		t.Errorf("nobody is told:\n%s", server.Output())
	}
}

func TestACommandRunsInASandbox(t *testing.T) {
	site := ocistest.NewSite(t)
	out, errs, code := site.Ocis("sandbox", "shell", "storage", "--", "sh", "-c", "echo $0; cat /etc/passwd; exit 3", "a")
	if out != "a\n" || code != 3 || !strings.Contains(errs, "/etc/passwd") {
		t.Errorf("code %d: %q, %q", code, out, errs)
	}
	if _, errs, code := site.Ocis("sandbox", "shell"); code != exitUsage || !strings.Contains(errs, "one service is needed") {
		t.Errorf("code %d: %s", code, errs)
	}
}
