package supervisor

import (
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func TestStopEndsAChildThatIgnoresEverythingButSIGKILL(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "stubborn", change: func(d *plugins.Declaration) { d.StopGrace = 100 * time.Millisecond }}})
	r.awaitReady()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestAbortKillsAtOnce(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {behaviour: "stubborn"}})
	r.awaitReady()
	r.cancel()
	r.awaitStatus("web", client.StatusStopping)
	r.Abort()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestStopWorksWhileAChildHangs(t *testing.T) {
	r := startRuntime(t, map[string]testChild{"web": {}})
	r.awaitReady()
	if err := r.Crash(t.Context(), "web", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
