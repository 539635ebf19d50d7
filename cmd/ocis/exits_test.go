package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestTheEndOfAnEssentialServiceIsExitCode3(t *testing.T) {
	site := ocistest.NewSite(t, "OCIS_ESSENTIAL_SERVICES=web")
	appendSettings(t, site, "runtime:\n  restart_never: [web]\n")
	server := site.Start()
	if _, stderr, code := server.Ocis("crash", "web"); code != 0 {
		t.Fatalf("%d %s", code, stderr)
	}
	if code := server.Wait(); code != exitEssential {
		t.Errorf("it ended with code %d, want %d:\n%s", code, exitEssential, server.Output())
	}
}

func TestTheRecordOfAnExitOutlivesTheRuntime(t *testing.T) {
	site := ocistest.NewSite(t)
	server := site.Start()
	before := server.List()["web"]
	if _, stderr, code := server.Ocis("crash", "web", "--signal", "SIGSEGV"); code != 0 {
		t.Fatalf("%d %s", code, stderr)
	}
	server.AwaitStatus("web", client.StatusReady)
	server.Await("there is a record", func(list map[string]client.Instance) bool { return list["web"].LastExit != nil })
	server.Stop()
	server = site.Start()
	status, err := server.Runtime().Status(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, exit := range status.Exits {
		if exit.Pid != before.Pid {
			continue
		}
		if exit.Expected || exit.UptimeSeconds <= 0 || exit.Decision == "" || exit.At.IsZero() || len(exit.LastLines) == 0 {
			t.Errorf("the record is %+v", exit)
		}
		if shown, _, _ := server.Ocis("status", "web"); !strings.Contains(strings.Join(strings.Fields(shown), " "), exit.Message) {
			t.Errorf("%q is not in\n%s", exit.Message, shown)
		}
		return
	}
	t.Errorf("there is no record of process %d: %+v", before.Pid, status.Exits)
}

func TestEveryExitIsToldOnNATS(t *testing.T) {
	server := ocistest.Start(t)
	conn := connectBus(t, server)
	told, err := conn.SubscribeSync("runtime.events.*." + client.EventExit)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.FlushTimeout(ocistest.Patience); err != nil {
		t.Fatal(err)
	}
	before := server.List()["web"]
	server.KillHard("web")
	for deadline := time.Now().Add(ocistest.Patience); ; {
		message, err := told.NextMsg(time.Until(deadline))
		if err != nil {
			t.Fatalf("the exit is not told: %v", err)
		}
		var event client.Event
		if err := json.Unmarshal(message.Data, &event); err != nil {
			t.Fatal(err)
		}
		if event.Service == "web" && event.Pid == before.Pid && event.Exit != nil && event.Exit.Signal == "SIGKILL" {
			return
		}
	}
}
