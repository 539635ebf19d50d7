package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestEveryLineOfEveryLogIsAnObjectWhateverLibrariesPrint(t *testing.T) {
	server := ocistest.Start(t, "OCIS_BACKOFF_FIRST=10ms", "OCIS_BACKOFF_CAP=10ms")
	for range 3 {
		for _, b := range family {
			server.KillHard(b.name)
		}
	}
	server.Signal(syscall.SIGTERM)
	if code := server.Wait(); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
	check := func(name, text string) {
		for line := range strings.SplitSeq(text, "\n") {
			if line == "" || strings.HasPrefix(line, "  ") { // the greeting is on stdout
				continue
			}
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Errorf("%s: %s", name, line)
			}
			if object["pid"] == 0.0 {
				t.Errorf("%s speaks of process 0: %s", name, line)
			}
		}
	}
	check("the runtime", server.Output())
	if !strings.Contains(server.Output(), `"signal":"SIGTERM"`) {
		t.Errorf("it does not say which signal stops it:\n%s", server.Output())
	}
	logs, err := filepath.Glob(filepath.Join(server.Base, "logs", "*.log"))
	if err != nil || len(logs) != len(family) {
		t.Errorf("%d logs, %v", len(logs), err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		check(filepath.Base(path), string(text))
	}
}
