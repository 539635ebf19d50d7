package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

// metricsAddress returns an address for the metrics that is free, or taken until the end
// of the test.
func metricsAddress(t *testing.T, taken bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if taken {
		t.Cleanup(func() { listener.Close() })
	} else {
		listener.Close()
	}
	return listener.Addr().String()
}

func TestMetricsHaveAnAddressOfTheirOwnWhenAsked(t *testing.T) {
	address := metricsAddress(t, false)
	server := ocistest.Start(t, "OCIS_METRICS_ADDR="+address)
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	status, page := get("/metrics")
	for name, instance := range server.List() {
		line := fmt.Sprintf("ocis_instance_status{service=%q,instance=%q,status=\"ready\"} 1\n", name, instance.Instance)
		if status != http.StatusOK || !strings.Contains(page, line) {
			t.Errorf("%d, and no line\n%s", status, line)
		}
	}
	if status, _ := get("/v1/services"); status != http.StatusNotFound {
		t.Errorf("the control API answers %d at an address where everybody may ask", status)
	}
	if code := server.Stop(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("the address is still served")
	}
}

func TestAWrongOrTakenMetricsAddressIsOneLine(t *testing.T) {
	taken := metricsAddress(t, true)
	_, port, _ := net.SplitHostPort(taken)
	for address, want := range map[string]string{
		"nowhere":         "OCIS_METRICS_ADDR",
		"127.0.0.1:http":  "the port must be a number",
		"192.0.2.1:19201": "192.0.2.1:19201",
		taken:             "port " + port + " is in use by process " + fmt.Sprint(os.Getpid()),
	} {
		t.Run(address, func(t *testing.T) {
			site := ocistest.NewSite(t, "OCIS_METRICS_ADDR="+address)
			_, stderr, code := site.Ocis("server")
			if code != 1 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%d %s", code, stderr)
			}
		})
	}
}
