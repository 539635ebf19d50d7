package config

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func openWith(t *testing.T, text string) *Source {
	t.Helper()
	base := t.TempDir()
	t.Setenv("OCIS_BASE_DATA_PATH", base)
	for _, name := range []string{"OCIS_CONFIG_DIR", "OCIS_RUN_DIR", "OCIS_PLUGINS_DIR"} {
		t.Setenv(name, "")
	}
	file := filepath.Join(base, "config", "ocis.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestAnExcerptHasWhatIsNamedAndNothingElse(t *testing.T) {
	src := openWith(t, "nats:\n  user: u\n  password: p\ntoken:\n  signing_key: s\n  verifying_key: v\nweb:\n  title: [a, b]\nusers:\n  admin_password: secret\n")
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, "{}\n"},
		{[]string{"storage", "web.nothing"}, "{}\n"},
		{[]string{"web", "token.verifying_key"}, "token:\n    verifying_key: v\nweb:\n    title: [a, b]\n"},
		{[]string{"nats", "nats.user"}, "nats:\n    user: u\n    password: p\n"},
	} {
		if got, err := src.Excerpt(c.names); err != nil || string(got) != c.want {
			t.Errorf("%q: %q %v, want %q", c.names, got, err, c.want)
		}
	}
}

func TestAnExcerptCanBeReadWithoutWhatItsAliasesName(t *testing.T) {
	src := openWith(t, "nats:\n  password: &p secret\n  names: &n [a, b]\nweb:\n  password: *p\n  names: *n\n")
	excerpt, err := src.Excerpt([]string{"web"})
	if want := "web:\n    password: secret\n    names: [a, b]\n"; err != nil || string(excerpt) != want {
		t.Fatalf("%q %v, want %q", excerpt, err, want)
	}
	both, err := src.Excerpt([]string{"nats.password", "web.password"})
	if want := "nats:\n    password: secret\nweb:\n    password: secret\n"; err != nil || string(both) != want {
		t.Errorf("%q %v, want %q", both, err, want)
	}
}

func TestTheSectionOfAServiceMayIsolateIt(t *testing.T) {
	src := openWith(t, "web:\n  isolate: best-effort\n  isolate_read: [/etc]\n")
	if err := src.Fill("web", &struct{}{}); err != nil {
		t.Errorf("the service trips over what is the runtime's: %v", err)
	}
	var got Isolation
	if err := src.FillKnown("web", &got); err != nil || got.Isolate != "best-effort" || len(got.Read) != 1 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWrongIsolationIsSaidWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"isolate: perhaps":                  `ocis.yaml:2): it is none of what is allowed; allowed: true, false or best-effort`,
		"isolate_read: [/this/is/not]":      `ocis.yaml:2): /this/is/not does not exist; allowed: paths that exist`,
		"isolate_write: [/dev/null]":        `ocis.yaml:2): /dev/null is no folder; allowed: folders that exist`,
		"isolate_read: [/dev/null/x]":       `ocis.yaml:2): /dev/null/x cannot be used: not a directory; allowed: paths that exist`,
		"isolate_write: [relative]":         `ocis.yaml:2): relative is no absolute path; allowed: folders that exist`,
		"isolate_read: [/]":                 `ocis.yaml:2): / holds the settings or the data of all services; allowed: paths that exist`,
		"isolate_read: [/dev/null]":         `/dev/null is the kernel's: a sandbox has what it needs of /dev; allowed: paths that exist`,
		"isolate_network: yes, please, yes": `ocis.yaml:2): true or false is needed; allowed: true or false`,
	} {
		var got Isolation
		err := openWith(t, "web:\n  "+text+"\n").FillKnown("web", &got)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	err := openWith(t, "token:\n  isolate: true\n").Fill("token", &struct{}{})
	if err == nil || !strings.Contains(err.Error(), "unknown key token.isolate") {
		t.Errorf("a section that is no service's: %v", err)
	}
}

func TestSettingsThatWereGivenAreInsteadOfTheFile(t *testing.T) {
	openWith(t, "web:\n  title: from the file\n")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write.WriteString("web:\n  title: given\n"); err != nil {
		t.Fatal(err)
	}
	write.Close()
	given, err := syscall.Dup(int(read.Fd())) // Open closes it
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	t.Setenv(SettingsVariable, strconv.Itoa(given))
	var settings struct {
		Title string `yaml:"title"`
	}
	for _, want := range []string{"given", "from the file"} { // they can be read once
		src, err := Open()
		if err == nil {
			err = src.Fill("web", &settings)
		}
		if err != nil || settings.Title != want {
			t.Errorf("%q %v, want %q", settings.Title, err, want)
		}
	}
	t.Setenv(SettingsVariable, "x")
	if _, err := Open(); err == nil || err.Error() != "OCIS_CHILD_SETTINGS=x is no descriptor" {
		t.Errorf("got %v", err)
	}
}
