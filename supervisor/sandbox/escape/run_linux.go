package escape

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// attemptBound is how long one attempt may take; the slowest touches 1 GiB of memory.
const attemptBound = 30 * time.Second

// Run tries every attempt, one after the other, and yields each result as it comes, so
// that what was found is told even if a later attempt ends the whole sandbox. executable
// is the beginning of an argv that calls Attempt with the name that follows and with
// TargetsFromEnvironment; a token that follows the name is to be ignored. inside tells
// that this is a sandbox: only there is everything tried.
//
// An attempt takes 30 seconds at most. The end of ctx ends the running one, and the rest
// is not tried.
func Run(ctx context.Context, executable []string, t *Targets, inside bool) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		// An attempt dies with the thread that started it, so this must stay this one.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		targets := *t
		targets.Inside = inside
		variable, err := targets.Variable()
		for _, a := range attempts() {
			var o outcome
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				o = untried("%v", err)
			case a.insideOnly != "" && !inside:
				o = notApplicable("tried inside a sandbox only: %s", a.insideOnly)
			default:
				r, ok := spawn(ctx, executable, &targets, variable, a)
				if ok && !yield(r) {
					return
				}
				continue
			}
			if !yield(a.result(o)) {
				return
			}
		}
	}
}

// spawn runs one attempt in a process and a process group of its own, in a scratch folder
// that goes with it. It returns false if ctx ended it.
func spawn(ctx context.Context, executable []string, t *Targets, variable string, a attempt) (Result, bool) {
	bound, cancel := context.WithTimeout(ctx, attemptBound)
	defer cancel()
	argv := append(append([]string{}, executable...), a.name, t.Token)
	command := exec.CommandContext(bound, argv[0], argv[1:]...)
	command.Env = append(os.Environ(), variable)
	command.Stdin = os.Stdin
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	killGroup := func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.Cancel = killGroup
	command.WaitDelay = time.Second // what the attempt left behind may hold its output open

	if scratch, err := os.MkdirTemp(t.scratchParent(), t.name("scratch")); err == nil {
		command.Dir = scratch
		defer os.RemoveAll(scratch)
	}
	if err := command.Start(); err != nil {
		return a.result(untried("could not be tried: %v", err)), true
	}
	err := command.Wait()
	_ = killGroup() // fails if nobody is left, which is as it should be
	if ctx.Err() != nil {
		return Result{}, false
	}
	if r, ok := reported(stdout.Bytes(), a.name); ok {
		return r, true
	}
	if bound.Err() != nil {
		return a.result(withheld("no answer within %s", attemptBound)), true
	}
	return a.result(a.ended(err, stderr.String())), true
}

func (t *Targets) scratchParent() string {
	if t.Own != "" {
		return t.Own
	}
	return os.TempDir()
}

// reported finds the attempt's own words; something else may have been printed before.
func reported(output []byte, name string) (Result, bool) {
	for line := range bytes.Lines(output) {
		var r Result
		if json.Unmarshal(line, &r) == nil && r.Name == name {
			return r, true
		}
	}
	return Result{}, false
}

// ended judges an attempt that ended without a word.
func (a attempt) ended(err error, stderr string) outcome {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return untried("ended without a result: %v", err)
	}
	status := exit.Sys().(syscall.WaitStatus)
	if a.died != nil {
		return a.died(status)
	}
	if status.Signaled() {
		return withheld("killed by %s", unix.SignalName(status.Signal()))
	}
	first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	for _, refusal := range refusals {
		if strings.Contains(first, refusal) {
			return withheld("%s", first)
		}
	}
	return untried("ended with code %d and without a result: %s", status.ExitStatus(), first)
}

// refusals are the last words of a Go program that was refused memory or a thread.
var refusals = []string{"out of memory", "cannot allocate memory", "failed to create new OS thread", "pthread_create failed"}

// name returns the name of something that the suite makes, which tells whose it is.
func (t *Targets) name(what string) string {
	return fmt.Sprintf("escape-%s-%s", t.Token, what)
}
