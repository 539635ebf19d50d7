package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/cmd/ocistest"
)

func TestARunStateThatCannotBeUsedIsSetAsideAndTheStartGoesOn(t *testing.T) {
	site := ocistest.NewSite(t)
	site.Start().Stop()
	for name, content := range map[string]string{
		"web":      `{"version":`,
		"storage":  `{"version":1,"service":"storage","instance":"storage-1","process":{"pid":1,"start":1,"boot":"x"}}`,
		"webdav":   `{"version":99,"service":"webdav","instance":"webdav-1","children":{}}`,
		"frontend": `{"version":2,"service":"web","instance":"web-7"}`,
	} {
		if err := os.WriteFile(stateFile(site, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := site.Start()
	for _, name := range []string{"web", "storage", "webdav", "frontend"} {
		if !strings.Contains(server.Output(), stateFile(site, name)+" cannot be used") {
			t.Errorf("of %s nothing is said:\n%s", name, server.Output())
		}
		if kept, err := filepath.Glob(stateFile(site, name) + ".unusable-*"); err != nil || len(kept) != 1 {
			t.Errorf("of %s there is %v", name, kept)
		}
	}
}

func TestAStrangerWithTheNumberOfADeadChildIsLeftAlone(t *testing.T) {
	site := ocistest.NewSite(t)
	server := site.Start()
	pid := server.List()["web"].Pid
	state, err := os.ReadFile(stateFile(site, "web"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stop()
	stranger := exec.Command("cat")
	in, err := stranger.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := stranger.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = stranger.Wait() })
	// As if the kernel had given the number of the child to somebody else.
	before, after := fmt.Sprintf(`"pid":%d,`, pid), fmt.Sprintf(`"pid":%d,`, stranger.Process.Pid)
	if !strings.Contains(string(state), before) {
		t.Fatalf("the state names no process %d: %s", pid, state)
	}
	if err := os.WriteFile(stateFile(site, "web"), []byte(strings.Replace(string(state), before, after, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	second := site.Start()
	if strings.Contains(second.Output(), "left behind") {
		t.Errorf("it takes the stranger for a child:\n%s", second.Output())
	}
	if _, err := fmt.Fprintln(in, "alive"); err != nil {
		t.Error(err)
	}
	if answer, err := bufio.NewReader(out).ReadString('\n'); err != nil || answer != "alive\n" {
		t.Errorf("the stranger says %q, %v", answer, err)
	}
}

// stateFile is where the run state of a service's first instance is.
func stateFile(site *ocistest.Site, service string) string {
	return filepath.Join(site.RunDir(), "state", service+"-1.json")
}
