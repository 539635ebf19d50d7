package escape

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// assertNothingLeft looks for everything that the suite makes.
func assertNothingLeft(t *testing.T, targets *Targets) {
	t.Helper()
	if pids := targets.leftBehind(); len(pids) > 0 {
		t.Errorf("processes of attempts are left: %v", pids)
	}
	for _, victim := range []Victim{targets.Victim, targets.Doomed, targets.DoomedByPidfd} {
		if identity, err := process.Identify(victim.Pid); err == nil && identity.Start == victim.Start {
			t.Errorf("the victim %d is left", victim.Pid)
		}
	}
	assertNoFiles(t, targets)
	var shared unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(targets.SharedMemory, unix.IPC_STAT, &shared); err == nil && shared.Cpid == int32(os.Getpid()) {
		t.Errorf("the shared memory %d is left", targets.SharedMemory)
	}
	if fd, err := targets.openQueue(unix.O_RDONLY); !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOSYS) {
		unix.Close(fd)
		t.Errorf("the queue %s is left: %v", targets.name("queue"), err)
	}
	if value, ok := os.LookupEnv(secretVariable); ok {
		t.Errorf("%s=%s is left in the environment", secretVariable, value)
	}
}

func assertNoFiles(t *testing.T, targets *Targets) {
	t.Helper()
	folders := []string{targets.Own, os.TempDir(), filepath.Dir(targets.Dir), targets.Machine.Cgroup}
	for _, place := range writtenPlaces {
		folders = append(folders, place.folder(targets))
	}
	for _, folder := range folders {
		if left, _ := filepath.Glob(filepath.Join(folder, targets.name("*"))); folder != "" && len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func TestAnEndedContextEndsTheSuiteAndTheRunningAttempt(t *testing.T) {
	targets := prepared(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tried := 0
	for range Run(ctx, self(), targets, false) {
		tried++
		cancel()
	}
	if tried != 1 {
		t.Errorf("%d attempts were reported, want the one before the end", tried)
	}
}

func TestAnAttemptThatHangsIsEndedWithWhatItStarted(t *testing.T) {
	targets := prepared(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	hangs := attempt{name: lingerName} // it sleeps for a minute
	line, err := targets.Variable()
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := spawn(ctx, self(), targets, line, hangs); ok {
		t.Errorf("it has a result: %+v", r)
	}
	if pids := targets.leftBehind(); len(pids) > 0 {
		t.Errorf("it still runs: %v", pids)
	}
}

func TestCloseMayBeCalledTwice(t *testing.T) {
	targets := prepared(t)
	if err := errors.Join(targets.Close(), targets.Close()); err != nil {
		t.Error(err)
	}
}

func TestAFolderWhosePathIsTooLongForSocketsIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if _, err := Prepare(dir, ""); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("got %v", err)
	}
}

func TestAFailedPreparationLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Prepare(dir, filepath.Join(dir, "missing")); err == nil {
		t.Fatal("links were planted in a folder that does not exist")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
	if _, ok := os.LookupEnv(secretVariable); ok {
		t.Errorf("%s is left in the environment", secretVariable)
	}
}
