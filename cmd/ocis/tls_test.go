package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// writeCertificate makes a certificate for cloud.example, and returns its files and it.
func writeCertificate(t *testing.T) (cert, key string, made *x509.Certificate) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cloud.example"}, DNSNames: []string{"cloud.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if made, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, made
}

func TestAGivenCertificateIsServedAndNoneIsMade(t *testing.T) {
	cert, key, made := writeCertificate(t)
	server := ocistest.Start(t, "PROXY_TRANSPORT_TLS_CERT="+cert, "PROXY_TRANSPORT_TLS_KEY="+key)
	trusted := x509.NewCertPool()
	trusted.AddCert(made)
	browser := ocistest.Client(t)
	browser.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: "cloud.example"}
	if status, body, err := server.Try(browser, "GET", "/status.php", ""); err != nil || status != http.StatusOK {
		t.Errorf("a client that trusts the given certificate only: %d %s %v", status, body, err)
	}
	if _, err := os.Stat(filepath.Join(server.Base, "proxy", "tls.pem")); err == nil {
		t.Error("a certificate was made all the same")
	}
}

// rawTLS connects without a client of HTTP. Its connection ends with the test.
func rawTLS(t *testing.T, server *ocistest.Server) *tls.Conn {
	t.Helper()
	dialer := &net.Dialer{Timeout: ocistest.Patience}
	conn, err := tls.DialWithDialer(dialer, "tcp", server.Address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(ocistest.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestHeadersThatAreTooLargeOrTooSlowCostNobodyElse(t *testing.T) {
	server := ocistest.Start(t)
	slow, begun := rawTLS(t, server), time.Now()
	if _, err := slow.Write([]byte("GET /status.php HTTP/1.1\r\nHost: localhost\r\n")); err != nil {
		t.Fatal(err)
	}
	large := rawTLS(t, server)
	go func() { // what is not read may keep it from writing
		_, _ = large.Write([]byte("GET /status.php HTTP/1.1\r\nHost: localhost\r\nX-Large: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"))
	}()
	response, err := http.ReadResponse(bufio.NewReader(large), nil)
	if err != nil {
		t.Fatalf("1 MiB of headers: %v", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("1 MiB of headers: %s", response.Status)
	}
	if status, _ := server.Do("GET", "/status.php", "", "X-Large", strings.Repeat("x", 32<<10)); status != http.StatusOK {
		t.Errorf("32 KiB of headers: %d", status)
	}
	// The slow one is let go in the end; an answer, if any, is a refusal.
	if response, err := http.ReadResponse(bufio.NewReader(slow), nil); err == nil {
		response.Body.Close()
		if response.StatusCode != http.StatusRequestTimeout {
			t.Errorf("half of the headers: %s", response.Status)
		}
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a client that never ends its headers is still there after %s", time.Since(begun))
	}
}
