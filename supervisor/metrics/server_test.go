package metrics

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

const patience = 10 * time.Second

// serve serves metrics until the end of the test and returns where.
func serve(t *testing.T, host string) (url string, told *bytes.Buffer) {
	t.Helper()
	told = new(bytes.Buffer)
	log := logrus.New()
	log.SetOutput(told)
	address := freeAddress(t, host)
	server, err := Listen(address, collector(t, busy()), logrus.NewEntry(log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if conn, err := net.DialTimeout("tcp", address, patience); err == nil {
			conn.Close()
			t.Error("it still accepts")
		}
	})
	return "http://" + address, told
}

func freeAddress(t *testing.T, host string) string {
	t.Helper()
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func ask(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestTheAddressServesMetricsAndNothingElse(t *testing.T) {
	url, told := serve(t, "127.0.0.1")
	response, page := ask(t, "GET", url+"/metrics")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%s %s", response.Status, response.Header)
	}
	if families := parsed(t, page); families["ocis_instance_status"] == nil {
		t.Error(page)
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"HEAD", "/metrics", http.StatusOK},
		{"POST", "/metrics", http.StatusMethodNotAllowed},
		{"GET", "/", http.StatusNotFound},
		{"GET", "/v1/services", http.StatusNotFound},
		{"POST", "/v1/services/web/kill", http.StatusNotFound},
	} {
		if response, _ := ask(t, c.method, url+c.path); response.StatusCode != c.want {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, response.Status, c.want)
		}
	}
	if told.Len() > 0 {
		t.Errorf("a loopback address is nothing to speak of: %s", told)
	}
}

func TestAnAddressThatOthersReachIsTold(t *testing.T) {
	if _, told := serve(t, "0.0.0.0"); !strings.Contains(told.String(), "can read the metrics") {
		t.Errorf("told %q", told)
	}
}

func TestAPortInUseIsNamedWithItsHolder(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	server, err := Listen(taken.Addr().String(), collector(t, busy()), nil)
	if err == nil {
		server.Close()
		t.Fatal("a taken port was bound")
	}
	port := taken.Addr().(*net.TCPAddr).Port
	if !strings.Contains(err.Error(), fmt.Sprintf("port %d is in use by process %d", port, os.Getpid())) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestClientsThatJustStayConnectedDoNotKeepItFromClosing(t *testing.T) {
	var clients []net.Conn
	t.Cleanup(func() { // after the server was closed
		for _, client := range clients {
			client.Close()
		}
	})
	url, _ := serve(t, "127.0.0.1")
	for range maxConnections + 1 { // one of them is not even accepted
		client, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), patience)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, client)
	}
}
