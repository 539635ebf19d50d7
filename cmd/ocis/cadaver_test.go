package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// cadaver takes a self-signed certificate only from somebody at a terminal, so this
// is also the test of the proxy without TLS.
func TestCadaverWorksThroughTheProxyWithoutTLS(t *testing.T) {
	client := newRealClient(t, "cadaver", "cadaver")
	server := ocistest.Start(t, "PROXY_TLS=false")
	netrc := "machine 127.0.0.1\nlogin admin\npassword " + ocistest.Password + "\n"
	if err := os.WriteFile(filepath.Join(client.home, ".netrc"), []byte(netrc), 0o600); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(client.home, "letter.txt"), []byte("Dear reader"), 1)

	session := client.command("http://" + server.Address + "/remote.php/webdav/")
	session.Stdin = strings.NewReader(strings.Join([]string{
		`mkcol post`,
		`put letter.txt "post/Brief für Ä.txt"`,
		`cd post`,
		`copy "Brief für Ä.txt" copy.txt`,
		`move copy.txt moved.txt`,
		`propset moved.txt mood cheerful`,
		`propget moved.txt mood`,
		`lock moved.txt`,
		`discover moved.txt`,
		`unlock moved.txt`,
		`get moved.txt back.txt`,
		`ls`,
		`delete "Brief für Ä.txt"`,
		`cd ..`,
		`rmcol post`,
		`ls`,
		`quit`,
	}, "\n") + "\n")
	output, err := session.CombinedOutput()
	if err != nil {
		t.Fatalf("cadaver: %v\n%s", err, output)
	}
	if strings.Contains(string(output), "failed") || strings.Contains(string(output), "Could not") {
		t.Errorf("a command failed:\n%s", output)
	}
	if !strings.Contains(string(output), "cheerful") {
		t.Errorf("the property was not shown:\n%s", output)
	}
	back, err := os.ReadFile(filepath.Join(client.home, "back.txt"))
	if err != nil || string(back) != "Dear reader" {
		t.Errorf("what came back is %q, %v\n%s", back, err, output)
	}
}
