package proxy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

func TestWrongSettingsNameTheirKey(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Settings)
		key    string // empty: nothing is wrong
	}{
		"the defaults":             {func(*Settings) {}, ""},
		"all addresses":            {func(s *Settings) { s.HTTPAddr = ":443" }, ""},
		"IPv6":                     {func(s *Settings) { s.HTTPAddr = "[::1]:9200" }, ""},
		"no port":                  {func(s *Settings) { s.HTTPAddr = "127.0.0.1" }, "http_addr"},
		"a port by name":           {func(s *Settings) { s.HTTPAddr = "127.0.0.1:https" }, "http_addr"},
		"a port that is none":      {func(s *Settings) { s.HTTPAddr = "127.0.0.1:65536" }, "http_addr"},
		"a URL":                    {func(s *Settings) { s.HTTPAddr = "https://127.0.0.1:9200" }, "http_addr"},
		"IPv6 without brackets":    {func(s *Settings) { s.HTTPAddr = "::1:9200" }, "http_addr"},
		"no connections":           {func(s *Settings) { s.MaxConnections = 0 }, "max_connections"},
		"too many connections":     {func(s *Settings) { s.MaxConnections = maxConnections + 1 }, "max_connections"},
		"a certificate, no key":    {func(s *Settings) { s.TLSCert = empty }, "tls_cert"},
		"a key, no certificate":    {func(s *Settings) { s.TLSKey = empty }, "tls_key"},
		"files that are not there": {func(s *Settings) { s.TLSCert, s.TLSKey = empty+"x", empty+"y" }, "tls_cert"},
		"files without content":    {func(s *Settings) { s.TLSCert, s.TLSKey = empty, empty }, "tls_cert"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Settings{HTTPAddr: "127.0.0.1:9200", TLS: true, MaxConnections: 4096}
			test.change(&s)
			err := s.Validate()
			var invalid *config.Invalid
			if errors.As(err, &invalid) {
				if invalid.Key != test.key {
					t.Errorf("got %v, want it to be about %q", err, test.key)
				}
			} else if err != nil || test.key != "" {
				t.Errorf("got %v, want it to be about %q", err, test.key)
			}
		})
	}
}

func TestTheAddressForPeopleIsOneTheyCanUse(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9200":         "https://127.0.0.1:9200",
		":9200":                  "https://localhost:9200",
		"0.0.0.0:443":            "https://localhost:443",
		"[::]:443":               "https://localhost:443",
		"[::1]:9200":             "https://[::1]:9200",
		"cloud.example.org:9200": "https://cloud.example.org:9200",
	} {
		if got := (&Settings{HTTPAddr: address, TLS: true}).URL(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := (&Settings{HTTPAddr: "127.0.0.1:80"}).URL(); got != "http://127.0.0.1:80" {
		t.Errorf("without TLS: %s", got)
	}
}

func TestTheCertificateCoversWhatPeopleMayType(t *testing.T) {
	for address, want := range map[string]string{"127.0.0.1:1": "127.0.0.1", "cloud.example.org:1": "cloud.example.org", ":1": "localhost", "[2001:db8::1]:1": "2001:db8::1"} {
		hosts := (&Settings{HTTPAddr: address}).hosts()
		for _, host := range []string{"localhost", "127.0.0.1", "::1", want} {
			if !slices.Contains(hosts, host) {
				t.Errorf("%s: %s is missing in %v", address, host, hosts)
			}
		}
		if slices.Contains(hosts, "::") || slices.Contains(hosts, "") {
			t.Errorf("%s: %v", address, hosts)
		}
	}
}

func TestOnlyWhatFitsIntoACertificateIsPutThere(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "cloud.example.org": true, "my_box-1": true, "127.0.0.1": true, "::1": true,
		"": false, "größe": false, "fe80::1%eth0": false, "a b": false, "a\x00": false,
	} {
		if got := fitsCertificate(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
