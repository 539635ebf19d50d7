package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

type settings struct {
	Addr    string        `yaml:"addr" env:"TEST_ADDR" default:"127.0.0.1:9200" allowed:"host:port"`
	Secret  string        `yaml:"secret" secret:"true"`
	Workers int           `yaml:"workers" default:"4" allowed:"1 to 64"`
	TLS     bool          `yaml:"tls" env:"TEST_TLS" default:"true"`
	Wait    time.Duration `yaml:"wait" default:"3s"`
	Quota   Bytes         `yaml:"quota" default:"10GiB"`
	Names   []string      `yaml:"names" env:"TEST_NAMES"`
}

func (s *settings) Validate() error {
	if s.Workers < 1 || s.Workers > 64 {
		return &Invalid{Key: "workers", Problem: "it is out of range"}
	}
	return nil
}

// source returns a Source that read content as /etc/ocis/ocis.yaml.
func source(content string, env map[string]string) (*Source, error) {
	paths := Paths{Config: "/etc/ocis"}
	sections, err := parse(paths.File(), []byte(content))
	return &Source{Paths: paths, getenv: func(name string) string { return env[name] }, sections: sections}, err
}

func TestTheStrongestOriginWins(t *testing.T) {
	const yaml = "proxy:\n  addr: 127.0.0.1:1\n  names: [a, b]\n  wait: 2m\n  quota: 512MiB\n"
	for name, test := range map[string]struct {
		yaml string
		env  map[string]string
		want settings
	}{
		"defaults": {
			want: settings{Addr: "127.0.0.1:9200", Workers: 4, TLS: true, Wait: 3 * time.Second, Quota: 10 << 30},
		},
		"file over defaults": {
			yaml: yaml,
			want: settings{Addr: "127.0.0.1:1", Workers: 4, TLS: true, Wait: 2 * time.Minute, Quota: 512 << 20, Names: []string{"a", "b"}},
		},
		"environment over file": {
			yaml: yaml,
			env:  map[string]string{"TEST_ADDR": "127.0.0.1:2", "TEST_TLS": "false", "TEST_NAMES": "c, d"},
			want: settings{Addr: "127.0.0.1:2", Workers: 4, Wait: 2 * time.Minute, Quota: 512 << 20, Names: []string{"c", "d"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			src, err := source(test.yaml, test.env)
			if err != nil {
				t.Fatal(err)
			}
			var got settings
			if err := src.Fill("proxy", &got); err != nil {
				t.Fatal(err)
			}
			if strings.Join(got.Names, "|") != strings.Join(test.want.Names, "|") {
				t.Errorf("names are %q, want %q", got.Names, test.want.Names)
			}
			got.Names, test.want.Names = nil, nil
			if got.Addr != test.want.Addr || got.Workers != test.want.Workers || got.TLS != test.want.TLS ||
				got.Wait != test.want.Wait || got.Quota != test.want.Quota {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestAWrongValueIsOneLineThatSaysWhatWhereAndWhatIsAllowed(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		env  map[string]string
		want []string
	}{
		"a value in the file": {
			yaml: "proxy:\n\n  workers: many\n",
			want: []string{"proxy.workers", `"many"`, "/etc/ocis/ocis.yaml:3", "whole number", "1 to 64"},
		},
		"a value out of range": {
			yaml: "proxy:\n  workers: 65\n",
			want: []string{"proxy.workers", `"65"`, "/etc/ocis/ocis.yaml:2", "out of range", "1 to 64"},
		},
		"a variable": {
			env:  map[string]string{"TEST_TLS": "perhaps"},
			want: []string{"proxy.tls", `"perhaps"`, "variable TEST_TLS", "true or false"},
		},
		"a secret is not shown": {
			yaml: "proxy:\n  secret: [hunter2, hunter3]\n",
			want: []string{"proxy.secret", "(not shown)", "one value"},
		},
		"a mistyped key": {
			yaml: "proxy:\n  adr: 1\n",
			want: []string{"/etc/ocis/ocis.yaml:2", "proxy.adr", `did you mean "addr"`},
		},
		"a key twice": {
			yaml: "proxy:\n  tls: true\n  tls: false\n",
			want: []string{"/etc/ocis/ocis.yaml"},
		},
		"keys below a value": {
			yaml: "proxy:\n  addr:\n    host: a\n",
			want: []string{"proxy.addr", "plain value", "/etc/ocis/ocis.yaml:3"},
		},
		"a section without keys": {
			yaml: "proxy: yes\n",
			want: []string{"/etc/ocis/ocis.yaml:1", `"proxy"`, "keys below it"},
		},
		"no sections": {
			yaml: "- a\n- b\n",
			want: []string{"/etc/ocis/ocis.yaml:1", "sections"},
		},
		"not YAML": {
			yaml: "proxy:\n\t- {",
			want: []string{"/etc/ocis/ocis.yaml", "not valid YAML"},
		},
		"a second document": {
			yaml: "proxy:\n  tls: true\n---\nproxy:\n  tls: false\n",
			want: []string{"/etc/ocis/ocis.yaml:3", "second document"},
		},
		"a quota that is no size": {
			yaml: "proxy:\n  quota: 10 apples\n",
			want: []string{"proxy.quota", "10GB"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			src, err := source(test.yaml, test.env)
			if err == nil {
				err = src.Fill("proxy", &settings{})
			}
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q has several lines or shows a secret", err)
			}
		})
	}
}

func TestWhatOnlyTheCallerCanCheckIsExplainedLikeTheRest(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		env  map[string]string
		want string
	}{
		"the file":   {"proxy:\n\n  names: [a, b]\n", nil, `proxy.names = "a,b" (from /etc/ocis/ocis.yaml:3): b is unknown`},
		"a variable": {"proxy:\n  names: [c]\n", map[string]string{"TEST_NAMES": "a, b"}, `proxy.names = "a,b" (from variable TEST_NAMES): b is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			src, err := source(test.yaml, test.env)
			if err != nil {
				t.Fatal(err)
			}
			var got settings
			if err := src.Fill("proxy", &got); err != nil {
				t.Fatal(err)
			}
			problem := fmt.Errorf("around it: %w", &Invalid{Key: "names", Problem: "b is unknown"})
			if err := src.Explain("proxy", &got, problem); err == nil || err.Error() != test.want {
				t.Errorf("got %v", err)
			}
			other := errors.New("something else")
			if err := src.Explain("proxy", &got, other); err != other {
				t.Errorf("another problem becomes %v", err)
			}
			if err := src.Explain("proxy", &got, nil); err != nil {
				t.Errorf("no problem becomes %v", err)
			}
		})
	}
}

func TestAMissingFileMayBeTakenToHaveContent(t *testing.T) {
	t.Setenv("OCIS_BASE_DATA_PATH", t.TempDir())
	src, err := OpenOr([]byte("proxy:\n  addr: a:1\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got settings
	if err := src.FillKnown("proxy", &got); err != nil || got.Addr != "a:1" {
		t.Errorf("got %q, %v", got.Addr, err)
	}
	if src.Paths.Exists() {
		t.Error("the file was made")
	}
}

func TestAFileWithoutSettingsIsAnEmptyOne(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n", "null\n"} {
		src, err := source(text, nil)
		if err == nil {
			err = src.Fill("proxy", &settings{})
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := source("---\nproxy:\n  tls: true\n", nil); err != nil {
		t.Errorf("with the mark of its beginning: %v", err)
	}
}

func TestTheOriginOfAValueCanBeToldLater(t *testing.T) {
	const yaml = "proxy:\n  addr: 127.0.0.1:1\n"
	for want, src := range map[string]func() (*Source, error){
		"proxy.addr (from the default)":           func() (*Source, error) { return source("", nil) },
		"proxy.addr (from /etc/ocis/ocis.yaml:2)": func() (*Source, error) { return source(yaml, nil) },
		"proxy.addr (from variable TEST_ADDR)":    func() (*Source, error) { return source(yaml, map[string]string{"TEST_ADDR": "127.0.0.1:2"}) },
	} {
		s, err := src()
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Origin("proxy", &settings{}, "addr"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAnUnknownSectionIsNamedWithItsLine(t *testing.T) {
	src, err := source("users:\n  a: 1\nprxy:\n  b: 2\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = src.CheckSections("users", "proxy")
	if err == nil || !strings.Contains(err.Error(), `ocis.yaml:3: unknown section "prxy": did you mean "proxy"?`) {
		t.Errorf("got %v", err)
	}
	if err := src.CheckSections("users", "prxy"); err != nil {
		t.Error(err)
	}
}

func TestFillKnownLeavesOtherKeysAlone(t *testing.T) {
	src, err := source("proxy:\n  addr: a:1\n  other: 1\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got settings
	if err := src.FillKnown("proxy", &got); err != nil || got.Addr != "a:1" {
		t.Errorf("got %q, %v", got.Addr, err)
	}
}

func TestNearestFindsTyposOnly(t *testing.T) {
	known := []string{"frontend", "proxy", "storage", "users", "web", "webdav"}
	for name, want := range map[string]string{
		"storge": "storage", "prxoy": "proxy", "webdv": "webdav", "user": "users", "Proxy": "proxy", "banana": "", "": "",
	} {
		if got, ok := Nearest(name, known); got != want || ok != (want != "") {
			t.Errorf("%q is near %q, want %q", name, got, want)
		}
	}
}

func TestSocketPathsAlwaysFitTheKernel(t *testing.T) {
	deep := "/" + strings.Repeat("deep/", 60)
	paths, err := resolvePaths(func(name string) string {
		return map[string]string{"OCIS_BASE_DATA_PATH": deep}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if path := paths.Socket("a-service-with-a-name", "and-a-socket"); len(path) > MaxSocketPath {
		t.Errorf("%s has %d bytes", path, len(path))
	}
	if !strings.HasPrefix(paths.Data("users"), deep) {
		t.Errorf("data moved to %s", paths.Data("users"))
	}
}

func TestARunDirectoryOfSomebodyElseIsRefused(t *testing.T) {
	base := t.TempDir()
	elsewhere := t.TempDir()
	link := filepath.Join(base, "run")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	err := Paths{Base: base, Run: link}.MakeDirs()
	if err == nil || !strings.Contains(err.Error(), "OCIS_RUN_DIR") {
		t.Errorf("got %v", err)
	}
}

func TestOfTwoThatCreateTheConfigurationOneWins(t *testing.T) {
	paths := Paths{Config: t.TempDir()}
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = Create(paths, []byte{byte('a' + i)}) })
	}
	wg.Wait()
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
		} else if !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(paths.Config)
	if err != nil || winners != 1 || len(entries) != 1 {
		t.Errorf("%d winners, %d files, %v", winners, len(entries), err)
	}
	if info, err := os.Stat(paths.File()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAConfigurationThatOthersMayReadIsRefused(t *testing.T) {
	base := t.TempDir()
	t.Setenv("OCIS_BASE_DATA_PATH", base)
	dir := filepath.Join(base, "config")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ocis.yaml"), []byte("proxy: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
}

func FuzzFill(f *testing.F) {
	f.Add("proxy:\n  addr: a\n  workers: 3\n", "10GiB")
	f.Add("proxy: &a [*a]\n", "x")
	f.Add("proxy:\n  <<: {addr: 1}\n", "-1")
	f.Fuzz(func(t *testing.T, yaml, addr string) {
		src, err := source(yaml, map[string]string{"TEST_ADDR": addr, "TEST_NAMES": addr})
		if err == nil {
			err = errors.Join(src.Fill("proxy", &settings{}))
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is not one line", err)
		}
	})
}
