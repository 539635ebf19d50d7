package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/plugins/bus"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/plugins/registry"
)

func TestAStartLogsALineForEachServiceAndOneWhenAllAreReady(t *testing.T) {
	server := ocistest.Start(t)
	server.Stop() // its output is complete
	ready := map[string]int{}
	all := 0
	for line := range strings.Lines(server.Output()) {
		var said struct {
			Service string
			Msg     string
			Seconds float64
		}
		if json.Unmarshal([]byte(line), &said) != nil || !strings.Contains(said.Msg, "ready after") {
			continue
		}
		if said.Seconds <= 0 || !strings.HasSuffix(strings.TrimSpace(said.Msg), "s") {
			t.Errorf("no time in %s", line)
		}
		if said.Service == "" {
			all++
			if len(ready) != len(family) {
				t.Errorf("all are ready when %v are", ready)
			}
			continue
		}
		ready[said.Service]++
	}
	if all != 1 {
		t.Errorf("%d times all are ready:\n%s", all, server.Output())
	}
	for _, b := range family {
		if ready[b.name] != 1 {
			t.Errorf("%s is ready %d times", b.name, ready[b.name])
		}
	}
}

// connectBus connects to a server's NATS, until the end of the test.
func connectBus(t *testing.T, server *ocistest.Server) *nats.Conn {
	t.Helper()
	t.Setenv("OCIS_BASE_DATA_PATH", server.Base)
	src, err := config.Open()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := bus.Connect(src, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestTheRuntimeIsAServiceOfGoMicroLikeTheOthers(t *testing.T) {
	server := ocistest.Start(t)
	conn := connectBus(t, server)
	log := logrus.New()
	log.SetOutput(io.Discard)
	directory := registry.NewDirectory()
	if err := directory.Follow(conn, logrus.NewEntry(log)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), ocistest.Patience)
	defer cancel()
	if _, err := directory.Wait(ctx, runtimeName); err != nil {
		t.Fatal(err)
	}
	services, err := registry.NewMicro(directory, nil, nil).GetService(runtimeName)
	if err != nil || len(services) != 1 || len(services[0].Nodes) != 1 {
		t.Fatalf("%+v %v", services, err)
	}
	path, isUnix := strings.CutPrefix(services[0].Nodes[0].Address, "unix:")
	if !isUnix {
		t.Errorf("it is at %s", services[0].Nodes[0].Address)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: ocistest.Patience}).Get("http://runtime/v1/services")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var rows []any
	if err := json.NewDecoder(response.Body).Decode(&rows); err != nil || len(rows) != len(family) {
		t.Errorf("there it answers %d rows, %v", len(rows), err)
	}
}
