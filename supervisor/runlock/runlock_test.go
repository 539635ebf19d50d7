package runlock

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestTheSecondIsToldWhoHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	lock, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := Take(dir); !errors.As(err, &held) || held.Holder.Pid != os.Getpid() || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if holder, isHeld, err := Find(dir); err != nil || !isHeld || holder.Pid != os.Getpid() {
		t.Errorf("found %+v, %v, %v", holder, isHeld, err)
	}

	lock.Release()
	if _, isHeld, err := Find(dir); err != nil || isHeld {
		t.Errorf("held after release: %v, %v", isHeld, err)
	}
	again, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
}

func TestOneOfSeveralFoldersIsEnoughToBeRefused(t *testing.T) {
	data, run, other := t.TempDir(), t.TempDir(), t.TempDir()
	lock, err := Take(data, run, data)
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := Take(other, data); !errors.As(err, &held) || held.Dir != data {
		t.Errorf("got %v", err)
	}
	if holder, isHeld, err := Find(other, data); err != nil || !isHeld || holder.Pid != os.Getpid() {
		t.Errorf("found %+v, %v, %v", holder, isHeld, err)
	}
	free, err := Take(other)
	if err != nil {
		t.Fatalf("what was taken before the refusal is still held: %v", err)
	}
	free.Release()
	lock.Release()
	if _, isHeld, err := Find(data, run); err != nil || isHeld {
		t.Errorf("held after release: %v, %v", isHeld, err)
	}
}

func TestALockFileWithGarbageIsTaken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(path(dir), []byte("\x00garbage that is longer than what we write into it, to see that it goes"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if holder, err := read(dir); err != nil || holder.Pid != os.Getpid() {
		t.Errorf("got %+v, %v", holder, err)
	}
}
