package trials

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The test binary is a process that begins a trial and waits for its end.
const (
	envFolder = "TRIALS_TEST_FOLDER"
	envAlone  = "TRIALS_TEST_ALONE"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(envFolder); folder != "" {
		if err := stand(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// stand begins trials and waits to be killed.
func stand(path string) error {
	folder, err := Open(path)
	if err != nil {
		return err
	}
	for _, name := range []string{"guilty", "innocent"} {
		trial, err := folder.Begin(context.Background(), name)
		if err != nil {
			return err
		}
		if os.Getenv(envAlone) != "" {
			if err := trial.Alone(); err != nil {
				return err
			}
		}
	}
	fmt.Println("begun")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

// standing starts a process that has begun, and returns what kills it.
func standing(t *testing.T, folder string, environ ...string) (kill func()) {
	t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(append(os.Environ(), envFolder+"="+folder), environ...)
	process.Stderr = os.Stderr
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := process.StdinPipe(); err != nil { // it waits for its end
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	t.Cleanup(kill)
	if lines := bufio.NewScanner(stdout); !lines.Scan() || lines.Text() != "begun" {
		t.Fatalf("it says %q", lines.Text())
	}
	return kill
}

func folder(t *testing.T) *Folder {
	t.Helper()
	f, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func begin(t *testing.T, f *Folder, name string) (*Trial, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	trial, err := f.Begin(ctx, name)
	if trial == nil {
		t.Fatal(err)
	}
	return trial, err
}

func mustEnd(t *testing.T, trial *Trial) {
	t.Helper()
	if err := trial.End(); err != nil {
		t.Fatal(err)
	}
}

func mustBeEmpty(t *testing.T, f *Folder) {
	t.Helper()
	if left, err := os.ReadDir(f.path); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestATrialThatEndsLeavesNothing(t *testing.T) {
	f := folder(t)
	for range 3 {
		trial, err := begin(t, f, "a")
		if err != nil || trial.Suspect {
			t.Errorf("%+v, %v", trial, err)
		}
		mustEnd(t, trial)
	}
	trial, _ := begin(t, f, "a")
	if err := trial.Withdraw(); err != nil {
		t.Error(err)
	}
	mustBeEmpty(t, f)
}

func TestWhatWasDecodedWhenAProcessEndedIsSuspectUntilItIsOutlived(t *testing.T) {
	f := folder(t)
	standing(t, f.path)()
	for _, name := range []string{"guilty", "innocent"} {
		trial, err := begin(t, f, name)
		if err != nil || !trial.Suspect {
			t.Fatalf("%s: %+v, %v", name, trial, err)
		}
		if err := trial.Withdraw(); err != nil { // it was not decoded after all
			t.Fatal(err)
		}
		if trial, err = begin(t, f, name); err != nil || !trial.Suspect {
			t.Fatalf("%s, once more: %+v, %v", name, trial, err)
		}
		if err := trial.Alone(); err != nil {
			t.Fatal(err)
		}
		mustEnd(t, trial)
		if trial, err = begin(t, f, name); err != nil || trial.Suspect {
			t.Errorf("%s, afterwards: %+v, %v", name, trial, err)
		}
		mustEnd(t, trial)
	}
	mustBeEmpty(t, f)
}

func TestWhatEndedAProcessAloneIsDeadly(t *testing.T) {
	f := folder(t)
	standing(t, f.path, envAlone+"=1")()
	trial, err := begin(t, f, "guilty")
	if !errors.Is(err, ErrDeadly) {
		t.Fatalf("%+v, %v", trial, err)
	}
	mustEnd(t, trial)
	if trial, err = begin(t, f, "guilty"); err != nil || trial.Suspect {
		t.Errorf("it is not forgotten: %+v, %v", trial, err)
	}
	mustEnd(t, trial)
}

func TestNobodyIsSuspectedWhileTheProcessLives(t *testing.T) {
	f := folder(t)
	kill := standing(t, f.path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if trial, err := f.Begin(ctx, "guilty"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", trial, err)
	}
	began := make(chan *Trial, 1)
	go func() {
		trial, _ := f.Begin(t.Context(), "guilty")
		began <- trial
	}()
	kill()
	if trial := <-began; trial == nil || !trial.Suspect {
		t.Errorf("%+v", trial)
	} else {
		mustEnd(t, trial)
	}
}

func TestOnePictureIsDecodedOnceAtATime(t *testing.T) {
	f := folder(t)
	var inside atomic.Int32
	var several sync.WaitGroup
	for range 8 {
		several.Go(func() {
			for range 20 {
				trial, err := f.Begin(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two at the same time")
				}
				inside.Add(-1)
				if err := trial.End(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	several.Wait()
	mustBeEmpty(t, f)
}
