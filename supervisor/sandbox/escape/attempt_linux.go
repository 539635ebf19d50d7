package escape

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// attempt is one way out.
type attempt struct {
	name, group string
	expected    string // in a sandbox
	// insideOnly says why it is not tried outside a sandbox, where it could do harm.
	insideOnly string
	// fatal: being refused may mean that the whole sandbox is ended, with its runner.
	fatal bool
	try   func(*Targets) outcome
	// died judges the end of an attempt that reported nothing; nil: it was refused.
	died func(syscall.WaitStatus) outcome
	// seen tells, outside, whether the effect arrived there; nil: what the attempt says holds.
	seen func(*Targets) bool
}

// outcome is what an attempt itself says.
type outcome struct {
	got           string
	escaped       bool
	notApplicable string
	untried       bool
	err           error // why it was refused
}

func refused(err error) outcome {
	return outcome{got: err.Error(), err: err}
}

func withheld(format string, args ...any) outcome {
	return outcome{got: fmt.Sprintf(format, args...)}
}

func obtained(format string, args ...any) outcome {
	return outcome{got: fmt.Sprintf(format, args...), escaped: true}
}

func notApplicable(format string, args ...any) outcome {
	return outcome{notApplicable: fmt.Sprintf(format, args...)}
}

// untried is the outcome of what should have been tried and could not be.
func untried(format string, args ...any) outcome {
	return outcome{notApplicable: fmt.Sprintf(format, args...), untried: true}
}

// did is the outcome of a call that needs nothing but to succeed.
func did(err error, what string) outcome {
	if err != nil {
		return refused(err)
	}
	return obtained("%s", what)
}

// permitted judges a call with an argument that cannot work: the kernel looks at the
// caller's rights first, so any error but a refusal means that they are there.
func permitted(err error) outcome {
	if err == nil {
		return obtained("permitted")
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSYS) {
		return refused(err)
	}
	return obtained("permitted; only the argument was wrong: %v", err)
}

// absent are errors that outside a sandbox mean a kernel built without the feature.
var absent = []error{unix.ENOSYS, unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT}

func (a attempt) result(o outcome) Result {
	return Result{
		Name: a.name, Group: a.group, Expected: "refused: " + a.expected,
		Got: o.got, Escaped: o.escaped, NotApplicable: o.notApplicable, Untried: o.untried,
	}
}

// attempts returns all of them in the order of Run: those that may take the runner with
// them come last.
func attempts() []attempt {
	return slices.Concat(reading(), writing(), executable(), network(), sockets(), processes(), tracing(), queues(),
		kernelFiles(), kernelCalls(), machineCalls(), privileges(), namespaces(), mounts(), descriptors(), limits(), exhaustion())
}

func find(name string) (attempt, bool) {
	all := attempts()
	i := slices.IndexFunc(all, func(a attempt) bool { return a.name == name })
	if i < 0 {
		return attempt{}, false
	}
	return all[i], true
}

// Attempt runs one attempt in this process, which it may change for good, and prints its
// Result as one JSON line. It returns the exit code: 0 refused or not applicable,
// 1 escaped, 2 no such attempt.
func Attempt(name string, t *Targets) int {
	if name == lingerName {
		return linger()
	}
	a, ok := find(name)
	if !ok {
		fmt.Fprintf(os.Stderr, "there is no attempt %q\n", name)
		return 2
	}
	runtime.LockOSThread() // rights, namespaces and tracing belong to a thread
	o := a.try(t)
	if o.err != nil && !t.Inside && slices.ContainsFunc(absent, func(e error) bool { return errors.Is(o.err, e) }) {
		o = notApplicable("this kernel does not have it: %v", o.err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(a.result(o)); err != nil {
		fmt.Fprintf(os.Stderr, "report the attempt %s: %v\n", name, err)
	}
	if o.escaped {
		return 1
	}
	return 0
}
