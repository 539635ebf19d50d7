package supervisor

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestAnExitLeavesARecordWithTheLastWords(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "exit 7"}})
	r.awaitStatus("web", client.StatusBackoff)
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	last := r.instance("web").LastExit
	if last.Code != 7 || last.Signal != "" || !strings.Contains(last.Message, "code 7: my last words") {
		t.Errorf("the record is %+v", last)
	}
	status, err := r.Status(t.Context(), "web")
	if err != nil || len(status.Exits) == 0 || !slices.Contains(status.Exits[0].LastLines, "my last words") {
		t.Errorf("the status is %+v, %v", status, err)
	}
}

func TestOutputOfBothStreamsIsInTheLog(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if log, err := os.ReadFile(r.paths.Log("web")); err != nil || !strings.Contains(string(log), "on stdout") {
		t.Errorf("the log is %q, %v", log, err)
	}
}

func TestExitRecordsOutliveTheRuntime(t *testing.T) {
	base := tempDir(t)
	for run := 1; run <= 2; run++ {
		r := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
		r.serve()
		r.awaitReady()
		if status, err := r.Status(t.Context(), "web"); err != nil || len(status.Exits) != run-1 {
			t.Errorf("runtime %d remembers %d exits, %v", run, len(status.Exits), err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
}
