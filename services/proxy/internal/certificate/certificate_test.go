package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func ensure(t *testing.T, path string, at time.Time, hosts ...string) (tls.Certificate, bool) {
	t.Helper()
	certificate, made, err := Ensure(path, hosts, at)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, made
}

func key(c tls.Certificate) *ecdsa.PrivateKey { return c.PrivateKey.(*ecdsa.PrivateKey) }

func TestTheFirstStartMakesACertificateForAllHosts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proxy", "tls.pem")
	hosts := []string{"localhost", "127.0.0.1", "::1", "cloud.example.org"}
	certificate, made := ensure(t, path, now, hosts...)
	if !made {
		t.Error("nothing was made")
	}
	for _, host := range hosts {
		if err := certificate.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestACertificateIsKeptWhileItFits(t *testing.T) {
	for name, test := range map[string]struct {
		at    time.Time
		hosts []string
		kept  bool
	}{
		"the next start":        {now.Add(time.Minute), []string{"localhost"}, true},
		"fewer hosts":           {now, nil, true},
		"another host":          {now, []string{"localhost", "cloud.example.org"}, false},
		"about to expire":       {now.Add(lifetime - renewBefore), []string{"localhost"}, false},
		"long expired":          {now.Add(10 * lifetime), []string{"localhost"}, false},
		"a clock that was late": {now.Add(-365 * 24 * time.Hour), []string{"localhost"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tls.pem")
			first, _ := ensure(t, path, now, "localhost")
			second, made := ensure(t, path, test.at, test.hosts...)
			if made == test.kept || bytes.Equal(first.Certificate[0], second.Certificate[0]) != test.kept {
				t.Errorf("made anew: %v", made)
			}
			if !key(first).Equal(key(second)) {
				t.Error("the key has changed")
			}
			if !fits(second.Leaf, test.hosts, test.at) {
				t.Error("the result does not fit")
			}
		})
	}
}

func TestADamagedFileIsNotReplacedBehindAnybodysBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(path, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Ensure(path, nil, now)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAKilledProcessLeftIsRemovedAndWhatOneWritesIsNot(t *testing.T) {
	dir := t.TempDir()
	left, written := filepath.Join(dir, ".certificate-1"), filepath.Join(dir, ".certificate-2")
	for _, path := range []string{left, written} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := os.Open(written)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := syscall.Flock(int(writer.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ensure(t, filepath.Join(dir, "tls.pem"), now, "localhost")
	if _, err := os.Stat(left); err == nil {
		t.Error("what was left is still there")
	}
	if _, err := os.Stat(written); err != nil {
		t.Errorf("what is being written is gone: %v", err)
	}
}
