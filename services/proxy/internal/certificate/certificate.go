// Package certificate makes the proxy's own certificate, for those who have none.
//
// It owns a file with a key and a self-signed certificate for it. It leaves to people
// whether they trust it: clients have to be told to.
//
// The key stays the same when the certificate is renewed or its names change.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	// lifetime is the longest that Apple's platforms accept
	// (https://support.apple.com/en-us/103769).
	lifetime = 825 * 24 * time.Hour
	// renewBefore is how long before its end a certificate is renewed.
	renewBefore = 30 * 24 * time.Hour
	// backdated helps clients whose clocks are late.
	backdated = time.Hour
)

const (
	pemKey         = "PRIVATE KEY"
	pemCertificate = "CERTIFICATE"
)

// Ensure returns the certificate in the file at path, for at least the given hosts: names
// or IP addresses. It makes the file, in a folder that it makes too, when there is none,
// and renews the certificate when it does not fit. made tells whether it did so.
func Ensure(path string, hosts []string, now time.Time) (certificate tls.Certificate, made bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, false, fmt.Errorf("read the certificate: %w", err)
	}
	if err == nil {
		certificate, err = tls.X509KeyPair(data, data)
		if err != nil {
			return tls.Certificate{}, false, fmt.Errorf("%s holds no certificate with its key: delete it to get a new one: %w", path, err)
		}
		if fits(certificate.Leaf, hosts, now) {
			return certificate, false, nil
		}
	}
	key, ok := certificate.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return tls.Certificate{}, false, fmt.Errorf("make the key of the certificate: %w", err)
		}
	}
	data, err = selfSigned(key, hosts, now)
	if err != nil {
		return tls.Certificate{}, false, err
	}
	if err := replace(path, data); err != nil {
		return tls.Certificate{}, false, fmt.Errorf("write the certificate: %w", err)
	}
	certificate, err = tls.X509KeyPair(data, data)
	return certificate, true, err
}

// fits tells whether a certificate is valid long enough and for all hosts.
func fits(leaf *x509.Certificate, hosts []string, now time.Time) bool {
	if now.Before(leaf.NotBefore) || now.Add(renewBefore).After(leaf.NotAfter) {
		return false
	}
	return !slices.ContainsFunc(hosts, func(host string) bool { return leaf.VerifyHostname(host) != nil })
}

// selfSigned returns key and certificate in PEM (RFC 7468).
func selfSigned(key *ecdsa.PrivateKey, hosts []string, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // RFC 5280 section 4.1.2.2
	if err != nil {
		return nil, fmt.Errorf("make the certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"ownCloud"}, CommonName: "self-signed by this ocis"},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(lifetime - backdated),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key of the certificate: %w", err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: private}),
		pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: certificate})...), nil
}

// replace writes the file in one step: another process that reads it sees all or nothing.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	removeUnfinished(dir)
	file, err := os.CreateTemp(dir, unfinished) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	if err == nil {
		_, err = file.Write(data)
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// unfinished is how a file is called that is not complete.
const unfinished = ".certificate-*"

// removeUnfinished removes what processes left that were killed while they wrote. The lock of
// one that still writes keeps its file.
func removeUnfinished(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, unfinished))
	if err != nil {
		return
	}
	for _, path := range left {
		file, err := os.Open(path)
		if err != nil {
			continue // its writer has finished
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.Remove(path) // what stays is small, and removed the next time
		}
		file.Close()
	}
}
