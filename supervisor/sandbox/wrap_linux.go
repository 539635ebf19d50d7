package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
)

// stageName is the word by which the main binary recognizes that it is the stage.
const stageName = "sandbox-stage"

// Entry is a child's way into its sandbox, seen from the supervisor.
type Entry struct {
	plan    Plan
	theirs  []*os.File // the child's ends
	status  *os.File
	outside error // why it is in no namespaces of its own

	variables int // in its environment
}

// Wrap changes what is executed: first comes the stage, which is binary, and then what spec
// said, in the sandbox, with settings in a descriptor. The entry must be closed.
func (p Plan) Wrap(spec process.Spec, binary string, settings []byte) (process.Spec, *Entry, error) {
	p.Program, p.Args = spec.Path, spec.Args
	entry := &Entry{plan: p}
	err := entry.open(settings)
	if err != nil {
		entry.Close()
		return spec, nil, fmt.Errorf("prepare the sandbox: %w", err)
	}
	given := len(spec.Files)
	spec.Files = slices.Concat(spec.Files, entry.theirs)
	spec.Env = append(cut(spec.Env, p.Environment), config.SettingsVariable+"="+strconv.Itoa(given))
	spec.Path, spec.Args = binary, []string{spec.Args[0], stageName, strconv.Itoa(given + 1)}
	spec.Place = entry.place(spec.Place)
	entry.variables = len(spec.Env)
	return spec, entry, nil
}

// open makes what the child finds: the settings, the plan, and where to report. None of it
// is on disk, which may be full.
func (e *Entry) open(settings []byte) error {
	if err := os.MkdirAll(e.plan.Base, 0o700); err != nil {
		return err
	}
	plan, err := json.Marshal(e.plan)
	if err != nil {
		return err
	}
	for _, data := range [][]byte{settings, plan} {
		file, err := inMemory(data)
		if err != nil {
			return err
		}
		e.theirs = append(e.theirs, file)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	e.status, e.theirs = ours, append(e.theirs, theirs)
	return nil
}

// inMemory returns a file of no disk from which data can be read (memfd_create(2)).
func inMemory(data []byte) (*os.File, error) {
	descriptor, err := unix.MemfdCreate("ocis", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	file := os.NewFile(uintptr(descriptor), "memory")
	_, err = file.Write(data)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// namespaces are those that the child is born in.
func (p Plan) namespaces() uintptr {
	flags := uintptr(unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if !p.Network {
		flags |= unix.CLONE_NEWNET
	}
	return flags
}

// place lets the process be born in namespaces of its own, where inner wants it.
func (e *Entry) place(inner func(*syscall.SysProcAttr, func() error) error) func(*syscall.SysProcAttr, func() error) error {
	return func(attributes *syscall.SysProcAttr, fork func() error) error {
		born := func() error { // inner may try more than once, and in another way
			e.outside = nil
			e.isolate(attributes)
			err := fork()
			if err == nil || !cannotIsolate(err) {
				return err
			}
			e.outside = fmt.Errorf("the kernel gives no namespaces: %w", err)
			if e.plan.Strict {
				return fmt.Errorf("%w%s", e.outside, orElse(remedyForNamespaces()))
			}
			attributes.Cloneflags, attributes.UidMappings, attributes.GidMappings, attributes.AmbientCaps = 0, nil, nil, nil
			return fork()
		}
		if inner == nil {
			return born()
		}
		return inner(attributes, born)
	}
}

// isolate asks for namespaces in which the user is the same, and has the rights that the
// stage needs until it drops them.
func (e *Entry) isolate(attributes *syscall.SysProcAttr) {
	attributes.Cloneflags = e.plan.namespaces()
	attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	attributes.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
}

// cannotIsolate tells the errors of clone(2) and of writing the user's map that mean that
// there are no namespaces for us.
func cannotIsolate(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.ENOSPC, syscall.EINVAL, syscall.ENOSYS, syscall.EUSERS, syscall.EACCES} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// Started is called when the process exists, or does not: the supervisor keeps nothing of
// what it was given.
func (e *Entry) Started() {
	for _, file := range e.theirs {
		file.Close()
	}
	e.theirs = nil
}

// Report waits at most bound until the program is executed, and returns the layers around
// it. An error says why it is not executed.
func (e *Entry) Report(bound time.Duration) ([]client.Layer, error) {
	if err := e.status.SetReadDeadline(time.Now().Add(bound)); err != nil {
		return nil, fmt.Errorf("the sandbox does not report: %w", err)
	}
	decoder := json.NewDecoder(e.status)
	var first, second outcome
	if err := decoder.Decode(&first); err != nil {
		return nil, fmt.Errorf("the sandbox does not report: %w", err)
	}
	_ = decoder.Decode(&second) // comes only when the program cannot be executed
	for _, o := range []outcome{first, second} {
		if o.Failed != "" {
			return nil, errors.New("cannot be isolated: " + o.Failed)
		}
	}
	layers := append(first.Layers, e.born()...)
	Sort(layers)
	return layers, nil
}

// born reports the layers that a process gets by its birth.
func (e *Entry) born() []client.Layer {
	layers := []client.Layer{{Name: LayerEnvironment, State: client.LayerEnforced, Detail: fmt.Sprintf("%d variables", e.variables)}}
	for _, l := range []struct{ name, detail string }{
		{LayerUser, "its rights end at its namespaces"},
		{LayerProcesses, "it sees and signals no other process"},
		{LayerNetwork, "no interface"},
		{LayerIPC, "no shared memory or queues of others"},
	} {
		layer := client.Layer{Name: l.name, State: client.LayerEnforced, Detail: l.detail}
		switch {
		case l.name == LayerNetwork && e.plan.Network:
			layer.State, layer.Detail = client.LayerOff, "the profile grants the network"
		case e.outside != nil:
			layer.State, layer.Detail, layer.Remedy = client.LayerMissing, e.outside.Error(), remedyForNamespaces()
		}
		layers = append(layers, layer)
	}
	if e.outside == nil {
		return layers
	}
	for _, name := range []string{LayerFiles, LayerProc, LayerHostname} {
		layers = append(layers, client.Layer{
			Name: name, State: client.LayerMissing, Detail: "it needs a namespace", Remedy: remedyForNamespaces(),
		})
	}
	return layers
}

// Close frees what the entry holds.
func (e *Entry) Close() {
	e.Started()
	if e.status != nil {
		e.status.Close()
	}
}
