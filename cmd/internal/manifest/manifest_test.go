package manifest

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
)

var paths = config.Paths{Base: "/base", Run: "/base/run"}

const sum = "c0aed88349de3a10d7ad080217e95936726d0ae1ac8e6edcc38605874ff822a1"

// write makes the manifest of greeter and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "greeter.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const whole = `name: greeter
version: 1.2.0
summary: greets
protocol: 1
sha256: ` + sum + `
needs: [nats, storage]
sockets:
  - protocol: http
  - name: admin
    network: tcp
    address: 127.0.0.1:9300
profile:
  isolate: best-effort
  write: [., spool]
  read: [/srv/shared]
  peers: [nats]
  settings: [nats.user]
  environment: [HTTP_PROXY]
  limits: {processes: 16, file_bytes: 1024}
replicas: 2
restart: on-failure
essential: true
environment:
  GREETER_MODE: loud
  API_KEY: {file: /run/secrets/key}
stop_grace: 90s
`

func TestAManifestSaysAllThatTheSupervisorMustKnow(t *testing.T) {
	file := write(t, whole)
	m, err := Read(file, paths)
	if err != nil {
		t.Fatal(err)
	}
	want := plugins.Declaration{
		Name: "greeter", Version: "1.2.0", Summary: "greets", Needs: []string{"nats", "storage"},
		Sockets: []plugins.Socket{
			{Network: "unix", Address: "/base/run/sockets/greeter/main.sock", Protocol: "http"},
			{Name: "admin", Network: "tcp", Address: "127.0.0.1:9300", Origin: file + ":11: sockets[1].address"},
		},
		Restart: plugins.RestartOnFailure, Essential: true, Replicas: 2, StopGrace: 90 * time.Second,
		Profile: plugins.Profile{
			Isolate: plugins.IsolationBestEffort, Write: []string{"/base/greeter", "/base/greeter/spool"}, Read: []string{"/srv/shared"},
			Peers: []string{"nats"}, Settings: []string{"nats.user"}, Environment: []string{"API_KEY", "GREETER_MODE", "HTTP_PROXY"},
			Limits: plugins.Limits{Processes: 16, FileBytes: 1024},
		},
	}
	if got := m.Declaration(paths); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	p := m.Program("/x/greeter")
	if p.Path != "/x/greeter" || !slices.Equal(p.Args, []string{"greeter"}) || p.SHA256 != sum || p.Origin != file+":5: sha256" ||
		!slices.Equal(p.Environ, []string{"GREETER_MODE=loud"}) || p.SecretFiles["API_KEY"] != "/run/secrets/key" {
		t.Errorf("got %+v", p)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	m, err := Read(write(t, whole), paths)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "greeter.yaml")
	if err := m.Write(file); err != nil {
		t.Fatal(err)
	}
	again, err := Read(file, paths)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	m.file, m.lines, again.file, again.lines = "", nil, "", nil
	if !reflect.DeepEqual(m, again) {
		t.Errorf("got  %+v\nwant %+v", again, m)
	}
}

func TestWhatIsWrongIsOneLineWithFileKeyAndRemedy(t *testing.T) {
	const head = "name: greeter\nsha256: " + sum + "\n" // what follows begins in line 3
	for text, want := range map[string]string{
		"":                         "FILE: name: it is missing",
		"greeter":                  `FILE:1: keys such as "name: greeter" are needed, not a plain value or a list`,
		"name: greeter":            "FILE: sha256: it is missing: `ocis plugins install` writes it, sha256sum shows it",
		"name: Greeter":            `FILE:1: name: "Greeter" is no name of a service: lower case letters, digits and dashes, up to 24 of them, with a letter first`,
		"name: webdav-1":           `FILE:1: name: "webdav-1" looks like an instance of another service: let it not end with a dash and a number`,
		"name: other":              `FILE:1: name: it is "other" and the file is that of "greeter": both must be the same`,
		"name: greeter\nsha256: 1": `FILE:2: sha256: "1" is no checksum: sha256sum shows its 64 digits`,

		head + "replcas: 2":                     `FILE:3: unknown key replcas: did you mean "replicas"?`,
		head + "profile:\n  isolated: strict":   `FILE:4: unknown key profile.isolated: did you mean "isolate"?`,
		head + "sockets:\n  - {adress: x}":      `FILE:4: unknown key sockets[0].adress: did you mean "address"?`,
		head + "name: greeter":                  "FILE:3: name stands there twice: remove one",
		head + "---\nname: x":                   "FILE:3: a second document begins: remove it, a manifest is one",
		head + "protocol: 7":                    "FILE:3: protocol: version 7 of the contract is not understood, 1 to 1 are: build it with the package plugins of this runtime",
		head + "replicas: many":                 "FILE:3: replicas: a whole number is needed",
		head + "essential: perhaps":             "FILE:3: essential: true or false is needed",
		head + "needs: {a: b}":                  "FILE:3: needs: a list is needed, such as [nats]",
		head + "stop_grace: soon":               "FILE:3: stop_grace: a duration such as 30s is needed",
		head + "stop_grace: -1s":                "FILE:3: stop_grace: it must not be negative",
		head + "replicas: 0":                    "FILE:3: replicas: greeter=0: 1 to 64 instances are possible; `ocis kill greeter` stops a service",
		head + "singleton: true\nreplicas: 2":   "FILE:4: replicas: greeter=2: greeter owns its data alone and must not run twice",
		head + "restart: sometimes":             `FILE:3: restart: "sometimes" is none of always, on-failure and never`,
		head + "needs: [../x]":                  `FILE:3: needs: "../x" is no name of a service: lower case letters, digits and dashes, up to 24 of them, with a letter first`,
		head + "profile: {peers: [a/b]}":        `FILE:3: profile.peers: "a/b" is no name of a service: lower case letters, digits and dashes, up to 24 of them, with a letter first`,
		head + "profile: {isolate: full}":       `FILE:3: profile.isolate: "full" is none of strict, best-effort and off`,
		head + "profile: {write: [../nats]}":    `FILE:3: profile.write: "../nats" leads out of the service's own folder: give an absolute path`,
		head + "sockets: [{name: main}]":        `FILE:3: sockets[0].name: "main" is no name of a socket: lower case letters, digits and dashes; leave it out for the main one`,
		head + "sockets: [{network: udp}]":      `FILE:3: sockets[0].network: "udp" is neither unix nor tcp`,
		head + "sockets: [{address: /x}]":       "FILE:3: sockets[0].address: a unix socket gets its path from the runtime: leave the address out",
		head + "sockets: [{network: tcp}]":      "FILE: sockets[0].address: it is missing: give host:port",
		head + "sockets: [{protocol: a}, {}]":   `FILE: sockets[1].name: two sockets are called "": name each`,
		head + "environment: {A-B: x}":          `FILE:3: environment.A-B: "A-B" is no name of a variable`,
		head + "environment: {LISTEN_FDS: 1}":   "FILE:3: environment.LISTEN_FDS: the runtime sets it itself: remove it",
		head + "environment:\n  A: {file: b}":   `FILE:4: environment.A: "b" is no absolute path`,
		head + "environment:\n  A: [b]":         "FILE:4: environment.A: a value is needed, or {file: /path} for a secret",
		head + "environment:\n  A: {secret: b}": "FILE:4: environment.A: a value is needed, or {file: /path} for a secret",
	} {
		file := write(t, text)
		_, err := Read(file, paths)
		if err == nil || err.Error() != strings.ReplaceAll(want, "FILE", file) {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestAManifestThatOthersMayWriteIsNotBelieved(t *testing.T) {
	file := write(t, whole)
	if err := os.Chmod(file, 0o622); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(file, paths); err == nil || err.Error() != file+" can be written by others (mode 0622): chmod 600 "+file {
		t.Errorf("got %v", err)
	}
}

func TestWhatAnExecutableSaysBecomesItsManifest(t *testing.T) {
	said := plugins.Declaration{
		Name: "greeter", Version: "2", Summary: "greets", Needs: []string{"nats"}, Singleton: true,
		Sockets: []plugins.Socket{{Network: "unix", Address: "/build/machine", Protocol: "http"}, {Name: "b", Network: "tcp", Address: ":1"}},
	}
	m := Of(plugins.Description{Protocol: 1, Service: "greeter", Version: "2", Declaration: said}, sum)
	file := filepath.Join(t.TempDir(), "greeter.yaml")
	if err := m.Write(file); err != nil {
		t.Fatal(err)
	}
	read, err := Read(file, paths)
	if err != nil {
		t.Fatal(err)
	}
	got := read.Declaration(paths)
	if got.Sockets[0].Address != "/base/run/sockets/greeter/main.sock" || got.Sockets[1].Address != ":1" {
		t.Errorf("sockets: %+v", got.Sockets)
	}
	got.Sockets, said.Sockets, got.Profile = nil, nil, said.Profile
	if !reflect.DeepEqual(got, said) || read.SHA256 != sum {
		t.Errorf("got  %+v\nwant %+v", got, said)
	}
}

func FuzzAManifestIsReadOrRefusedWithOneLine(f *testing.F) {
	f.Add(whole)
	f.Add("name: greeter\nenvironment: {a: &x [*x]}")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parse("greeter.yaml", []byte(text))
		if err == nil {
			err = m.Check(paths)
		}
		if err != nil && strings.Contains(strings.TrimSpace(err.Error()), "\n") {
			t.Errorf("%q", err)
		}
	})
}
