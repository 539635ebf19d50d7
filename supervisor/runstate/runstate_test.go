package runstate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

func open(t *testing.T, dir string) *State {
	t.Helper()
	state, aside, err := Open(dir)
	if err != nil || len(aside) > 0 {
		t.Fatalf("%q, %v", aside, err)
	}
	return state
}

func start(t *testing.T, state *State, incarnation string, identity process.Identity) {
	t.Helper()
	if err := state.Starting("web", "web-1", Child{Incarnation: incarnation}); err != nil {
		t.Fatal(err)
	}
	if err := state.Started("web", "web-1", incarnation, identity); err != nil {
		t.Fatal(err)
	}
}

func TestTheNextRuntimeReadsWhatTheLastOneWrote(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	identity := process.Identity{Pid: 42, Start: 7, Boot: "b"}
	start(t, first, "x", identity)
	second := open(t, dir)
	records := second.Instances()
	if len(records) != 1 || len(records[0].Children) != 1 || records[0].Children[0].Process != identity || records[0].Service != "web" {
		t.Errorf("got %+v", records)
	}
	if err := second.Forget("web", "web-1"); err != nil {
		t.Fatal(err)
	}
	if records := open(t, dir).Instances(); len(records) != 1 || len(records[0].Children) != 0 {
		t.Errorf("the third one reads %+v", records)
	}
}

func TestExitRecordsAreKeptNewestFirstAndBounded(t *testing.T) {
	dir := t.TempDir()
	state := open(t, dir)
	for i := range maxExits + 5 {
		if err := state.AddExit("web", "web-1", client.Exit{Code: i}); err != nil {
			t.Fatal(err)
		}
	}
	exits := open(t, dir).Exits("web-1")
	if len(exits) != maxExits || exits[0].Code != maxExits+4 {
		t.Errorf("%d exits, the first with code %d", len(exits), exits[0].Code)
	}
}

func TestTheExitOfOneChildLeavesTheOther(t *testing.T) {
	dir := t.TempDir()
	state := open(t, dir)
	now := process.Identity{Pid: 42, Start: 7}
	start(t, state, "first", process.Identity{Pid: 41, Start: 6})
	start(t, state, "second", now)
	if err := state.AddExit("web", "web-1", client.Exit{Incarnation: "first"}); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).Instances()[0].Children; len(got) != 1 || got[0].Process != now {
		t.Errorf("the children are %+v", got)
	}
}

func TestAnUnusableStateIsSetAsideAndNeverStopsTheStart(t *testing.T) {
	for _, folder := range []string{"state", "exits"} {
		dir := t.TempDir()
		state := open(t, dir)
		if err := state.AddExit("web", "web-1", client.Exit{Code: 1}); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(filepath.Join(dir, folder, "web-1.json"))
		if err != nil {
			t.Fatal(err)
		}
		contents := map[string][]byte{
			"of a later version":  []byte(`{"version":99,"instance":"web-1"}` + "\n"),
			"of an older version": []byte(`{"version":2,"instance":"web-1"}` + "\n"),
			"not about itself":    []byte(`{"version":3,"instance":"web-2"}` + "\n"),
			"a list":              []byte("[]\n"),
		}
		for i := range whole { // one record
			contents[fmt.Sprintf("cut at byte %d", i)] = whole[:i]
		}
		for name, content := range contents {
			checkSetAside(t, folder, name, content)
		}
	}
}

func TestWhatIsNoFileOfOursIsSetAsideUnread(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a pipe":     func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a device":   func(path string) error { return os.Symlink("/dev/zero", path) },
		"a folder":   func(path string) error { return os.Mkdir(path, 0o700) },
		"a huge one": func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir)
			if err := put(filepath.Join(dir, "state", "web-1.json")); err != nil {
				t.Fatal(err)
			}
			state, aside, err := Open(dir)
			if err != nil || len(aside) != 1 || len(state.Instances()) != 0 {
				t.Fatalf("%q, %v", aside, err)
			}
			if err := state.Forget("web", "web-1"); err != nil {
				t.Errorf("its place cannot be used: %v", err)
			}
		})
	}
}

func TestARecordThatWasCutOffLeavesTheOneBeforeIt(t *testing.T) {
	dir := t.TempDir()
	state := open(t, dir)
	start(t, state, "x", process.Identity{Pid: 42})
	file := filepath.Join(dir, "state", "web-1.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for size := strings.Index(string(whole), "\n") + 1; size <= len(whole); size++ {
		if err := os.WriteFile(file, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		pid := 0 // that it is being started is on record
		if size == len(whole) {
			pid = 42
		}
		got := open(t, dir).Instances()
		if len(got) != 1 || len(got[0].Children) != 1 || got[0].Children[0].Incarnation != "x" || got[0].Children[0].Process.Pid != pid {
			t.Fatalf("cut at byte %d of %d it reads %+v", size, len(whole), got)
		}
	}
}

func TestARecordThatFollowsACutOffOneIsRead(t *testing.T) {
	dir := t.TempDir()
	start(t, open(t, dir), "x", process.Identity{Pid: 42})
	file := filepath.Join(dir, "state", "web-1.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Forget("web", "web-1"); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).Instances(); len(got) != 1 || len(got[0].Children) != 0 {
		t.Errorf("it reads %+v", got)
	}
}

func TestTheFilesDoNotGrowWithTheNumberOfStarts(t *testing.T) {
	dir := t.TempDir()
	state := open(t, dir)
	for n := range 500 {
		incarnation := fmt.Sprint(n)
		start(t, state, incarnation, process.Identity{Pid: n})
		if err := state.AddExit("web", "web-1", client.Exit{Incarnation: incarnation}); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"state", "exits"} {
		info, err := os.Stat(filepath.Join(dir, folder, "web-1.json"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > maxAppended {
			t.Errorf("in %s it has %d bytes", folder, info.Size())
		}
	}
	if got := open(t, dir); len(got.Instances()[0].Children) != 0 || got.Exits("web-1")[0].Incarnation != "499" {
		t.Errorf("it reads %+v and %+v", got.Instances(), got.Exits("web-1")[0])
	}
}

func checkSetAside(t *testing.T, folder, name string, content []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, folder, "web-1.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	state, aside, err := Open(dir)
	if err != nil || len(aside) != 1 || !strings.Contains(aside[0], "set aside") || len(state.Instances())+len(state.Exits("web-1")) != 0 {
		t.Errorf("%s, %s: %q, %v", folder, name, aside, err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, folder, "web-1.json.unusable-*")); len(kept) != 1 {
		t.Errorf("%s, %s: kept %v", folder, name, kept)
	}
}
