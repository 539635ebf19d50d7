package proxy

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Settings are the section "proxy" of ocis.yaml.
type Settings struct {
	HTTPAddr       string `yaml:"http_addr" env:"PROXY_HTTP_ADDR" default:"127.0.0.1:9200" allowed:"host:port" desc:"where people's clients connect"`
	TLS            bool   `yaml:"tls" env:"PROXY_TLS" default:"true" allowed:"true or false" desc:"false: plain HTTP, for use behind another proxy"`
	TLSCert        string `yaml:"tls_cert" env:"PROXY_TRANSPORT_TLS_CERT" allowed:"a PEM file" desc:"certificate chain; one is made when there is none"`
	TLSKey         string `yaml:"tls_key" env:"PROXY_TRANSPORT_TLS_KEY" allowed:"a PEM file" desc:"key of the certificate"`
	MaxConnections int    `yaml:"max_connections" env:"PROXY_MAX_CONNECTIONS" default:"4096" allowed:"1 to 1000000" desc:"client connections at the same time"`
}

const maxConnections = 1_000_000

// Validate implements the check of config.Source.Fill.
func (s *Settings) Validate() error {
	if problem := config.AddressProblem(s.HTTPAddr); problem != "" {
		return &config.Invalid{Key: "http_addr", Problem: problem}
	}
	if s.MaxConnections < 1 || s.MaxConnections > maxConnections {
		return &config.Invalid{Key: "max_connections", Problem: "it is out of range"}
	}
	switch {
	case s.TLSCert != "" && s.TLSKey == "":
		return &config.Invalid{Key: "tls_cert", Problem: "tls_key must be given too"}
	case s.TLSCert == "" && s.TLSKey != "":
		return &config.Invalid{Key: "tls_key", Problem: "tls_cert must be given too"}
	case s.TLSCert != "":
		if _, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey); err != nil {
			return &config.Invalid{Key: "tls_cert", Problem: err.Error()}
		}
	}
	return nil
}

// URL returns where people's clients on this machine connect.
func (s *Settings) URL() string {
	host, port, err := net.SplitHostPort(s.HTTPAddr)
	if err != nil {
		return "" // never: Validate has checked it
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("%s://%s", s.scheme(), net.JoinHostPort(host, port))
}

// CertificateFile returns the file with the certificate that clients get to see, in PEM.
// There is none before the first start, or without TLS.
func (s *Settings) CertificateFile(paths config.Paths) string {
	if s.TLSCert != "" {
		return s.TLSCert
	}
	return filepath.Join(paths.Data(Name), "tls.pem")
}

func (s *Settings) scheme() string {
	if s.TLS {
		return "https"
	}
	return "http"
}

// hosts returns the names that the certificate is made for.
func (s *Settings) hosts() []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	if host, _, err := net.SplitHostPort(s.HTTPAddr); err == nil {
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			hosts = append(hosts, host)
		}
	}
	hosts = slices.DeleteFunc(hosts, func(host string) bool { return !fitsCertificate(host) })
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// fitsCertificate tells whether a certificate can be made for a host. A machine's name may
// hold anything, and an address a zone.
func fitsCertificate(host string) bool {
	if net.ParseIP(host) != nil {
		return true
	}
	for _, r := range host {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_", r) {
			return false
		}
	}
	return host != ""
}
