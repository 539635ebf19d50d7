package sandbox

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A control group that a process cannot be born in has it forked a second time.
func TestAForkThatFailsForTheControlGroupCostsNoNamespaces(t *testing.T) {
	for _, strict := range []bool{true, false} {
		entry := &Entry{plan: Plan{Strict: strict}}
		attributes := &syscall.SysProcAttr{}
		inner := func(attributes *syscall.SysProcAttr, fork func() error) error {
			attributes.UseCgroupFD = true
			if fork() == nil {
				t.Error("the first succeeds")
			}
			attributes.UseCgroupFD = false
			return fork()
		}
		fork := func() error {
			if attributes.UseCgroupFD {
				return unix.EPERM
			}
			return nil
		}
		if err := entry.place(inner)(attributes, fork); err != nil {
			t.Fatal(err)
		}
		if attributes.Cloneflags&unix.CLONE_NEWUSER == 0 || len(attributes.UidMappings) == 0 || entry.outside != nil {
			t.Errorf("strict %v: it is born with %+v, outside: %v", strict, attributes, entry.outside)
		}
	}
}

func TestWithoutNamespacesStrictFailsAndBestEffortIsBornOutside(t *testing.T) {
	fork := func(attributes *syscall.SysProcAttr) func() error {
		return func() error {
			if attributes.Cloneflags != 0 {
				return unix.ENOSPC
			}
			return nil
		}
	}
	attributes := &syscall.SysProcAttr{}
	strict := &Entry{plan: Plan{Strict: true}}
	if err := strict.place(nil)(attributes, fork(attributes)); err == nil || !strings.HasPrefix(err.Error(), "the kernel gives no namespaces: no space left on device; ") {
		t.Errorf("strict: %v", err)
	}
	attributes = &syscall.SysProcAttr{}
	loose := &Entry{}
	if err := loose.place(nil)(attributes, fork(attributes)); err != nil || loose.outside == nil || attributes.UidMappings != nil || attributes.AmbientCaps != nil {
		t.Errorf("best-effort: %v, %+v, outside: %v", err, attributes, loose.outside)
	}
}

func TestARemedyFitsWhatIsMissing(t *testing.T) {
	old, forbidden := fmt.Errorf("restrict /lib: %w", unix.ENOSYS), fmt.Errorf("mount: %w", unix.EACCES)
	if got := remedyFor(LayerFiles, old); !strings.HasPrefix(got, "boot Linux 5.12") {
		t.Errorf("a kernel without mount_setattr: %s", got)
	}
	if got := remedyFor(LayerFiles, forbidden); got != remedies[LayerFiles] {
		t.Errorf("a user who may not mount: %s", got)
	}
	if got := remedyFor(LayerSeccomp, unix.ENOSYS); got != remedies[LayerSeccomp] {
		t.Errorf("a kernel without filters: %s", got)
	}
}
