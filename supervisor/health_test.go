package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestAHungChildIsReplaced(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	before := r.instance("web")
	if err := r.Crash(t.Context(), "web", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.await("it is replaced", func() bool {
		now := r.instance("web")
		return now.Status == client.StatusReady && now.Pid != before.Pid
	})
	r.await("there is a record", func() bool { return r.instance("web").LastExit != nil })
	if last := r.instance("web").LastExit; !strings.Contains(last.Message, "hung") {
		t.Errorf("the record is %+v", last)
	}
}

func TestAnUnhealthyChildIsShownAndTakenOutOfTheRegistry(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	sick := filepath.Join(r.paths.Base, "sick-web")
	if err := os.WriteFile(sick, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.awaitStatus("web", client.StatusUnhealthy); !strings.Contains(got.Message, "feel well") || len(r.nodes.entered()) != 0 {
		t.Errorf("it is %+v, the registry has %v", got, r.nodes.entered())
	}
	pid := r.instance("web").Pid
	if err := os.Remove(sick); err != nil {
		t.Fatal(err)
	}
	if got := r.awaitStatus("web", client.StatusReady); got.Pid != pid || len(r.nodes.entered()) != 1 {
		t.Errorf("it is %+v, the registry has %v", got, r.nodes.entered())
	}
}

func TestChildrenThatBreakTheContractAreNamed(t *testing.T) {
	short := func(d *plugins.Declaration) { d.ReadyTimeout = time.Second }
	for name, test := range map[string]struct {
		child testChild
		want  string
	}{
		"garbage instead of a handshake": {testChild{behaviour: "garbage"}, "hello, I am no plugin"},
		"somebody else":                  {testChild{behaviour: "liar"}, "somebody-else"},
		"never ready":                    {testChild{behaviour: "never ready", change: short}, "not ready"},
		"silent":                         {testChild{behaviour: "silent", change: short}, "no handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRuntime(t, map[string]testChild{"odd": test.child, "web": {}})
			r.awaitStatus("odd", client.StatusBackoff)
			r.await("there is a record", func() bool { return r.instance("odd").LastExit != nil })
			if last := r.instance("odd").LastExit; !strings.Contains(last.Message, test.want) || strings.Contains(last.Message, "\n") {
				t.Errorf("the record says %q", last.Message)
			}
			r.awaitStatus("web", client.StatusReady)
		})
	}
}
