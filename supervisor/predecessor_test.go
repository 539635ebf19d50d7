package supervisor

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/runlock"
	"github.com/owncloud/ocis-runtime/supervisor/runstate"
)

func TestAChildWhoseProcessWasNotRecordedIsFoundByItsIncarnation(t *testing.T) {
	base := tempDir(t)
	paths := filepath.Join(base, "run")
	state, _, err := runstate.Open(paths)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Starting("web", "web-1", runstate.Child{Incarnation: "lost"}); err != nil {
		t.Fatal(err)
	}
	left, err := process.Start(process.Spec{
		Path: executable(t), Args: []string{"ocis", "web", "server"},
		Env: []string{"BEHAVIOUR_web=silent", plugins.IncarnationVariable("lost"), plugins.InstanceVariable("web-1")}, Files: []*os.File{nil, nil, nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	r.serve()
	r.awaitReady()
	select {
	case <-left.Done():
	case <-time.After(patience):
		t.Error("it is left")
		_ = left.SignalGroup(syscall.SIGKILL)
	}
	status, err := r.Status(t.Context(), "web")
	if err != nil || len(status.Exits) != 1 || status.Exits[0].Pid != left.Pid() || status.Exits[0].Signal != "SIGKILL" || !status.Exits[0].Expected {
		t.Errorf("its end is recorded as %+v, %v", status.Exits, err)
	}
}

func TestTheSecondRuntimeIsRefusedAndTheFirstGoesOn(t *testing.T) {
	base := tempDir(t)
	first := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	first.serve()
	first.awaitReady()
	second := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	if err := second.Serve(t.Context(), nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if answer, err := first.ask("web"); err != nil || answer == "" {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestAnotherRunDirectoryDoesNotMakeTheSameDataSafe(t *testing.T) {
	base := tempDir(t)
	first := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	first.serve()
	first.awaitReady()
	second := prepareRuntime(t, base, map[string]testChild{"web": {}}, testSettings())
	second.options.Paths.Run = tempDir(t)
	if err := second.Serve(t.Context(), nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

func TestATakenPortStopsTheStartAndNothingIsLeft(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	base := tempDir(t)
	children := map[string]testChild{"aaa": {}, "proxy": {change: func(d *plugins.Declaration) {
		d.Sockets = []plugins.Socket{{Network: "tcp", Address: taken.Addr().String()}}
	}}}
	r := prepareRuntime(t, base, children, testSettings())
	if err := r.Serve(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("got %v", err)
	}
	r.nothingIsLeft()
	if _, held, err := runlock.Find(r.paths.Run); err != nil || held {
		t.Errorf("the lock is held: %v, %v", held, err)
	}
}
