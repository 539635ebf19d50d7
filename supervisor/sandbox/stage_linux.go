package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// outcome is what the stage tells before it becomes the program.
type outcome struct {
	Layers []client.Layer `json:"layers"`
	Failed string         `json:"failed,omitempty"` // why there is no sandbox, in one line
}

// stage is this process while it builds a sandbox around itself.
type stage struct {
	plan   Plan
	own    bool // it is in namespaces of its own
	layers []client.Layer
	noProc error // why there is no /proc
}

// exitNoSandbox is the exit code of a stage that did not become the program.
const exitNoSandbox = 125

// manyDescriptors is more than a supervisor with hundreds of children has.
const manyDescriptors = 1 << 16

// Stage does what a plan says and becomes its program, if args are those with which Wrap
// starts the main binary. It returns when they are not, and ends the process otherwise.
func Stage(args []string) {
	if len(args) != 3 || args[1] != stageName {
		return
	}
	runtime.LockOSThread() // what is confined is the thread that becomes the program
	first, err := strconv.Atoi(args[2])
	if err != nil {
		os.Exit(exitNoSandbox)
	}
	// The program gets no descriptor beyond those that it was given, whoever left one open.
	if unix.CloseRange(uint(first), math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) != nil { // a kernel before Linux 5.11
		for descriptor := range manyDescriptors {
			syscall.CloseOnExec(first + descriptor)
		}
	}
	status := os.NewFile(uintptr(first+1), "status")
	s := &stage{}
	err = json.NewDecoder(os.NewFile(uintptr(first), "plan")).Decode(&s.plan)
	if err == nil {
		err = s.build()
	}
	told := json.NewEncoder(status).Encode(outcome{Layers: s.layers, Failed: text(err)})
	if err == nil && told == nil {
		err = syscall.Exec(s.plan.Program, s.plan.Args, os.Environ())
		err = fmt.Errorf("execute %s: %w", s.plan.Program, err)
		_ = json.NewEncoder(status).Encode(outcome{Failed: err.Error()})
	}
	fmt.Fprintf(os.Stderr, "%s cannot be isolated: %v\n", s.plan.Service, cmp.Or(err, told)) // into its log
	os.Exit(exitNoSandbox)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// build adds one layer after the other. The order matters: each takes away what those
// before it needed.
func (s *stage) build() error {
	s.own = os.Getpid() == 1
	for _, step := range []struct {
		name    string
		applies bool
		apply   func(*stage) (detail string, err error)
	}{
		{LayerFiles, s.own, (*stage).showFiles},
		{LayerProc, s.own, (*stage).showProcesses},
		{LayerHostname, s.own, (*stage).rename},
		{LayerPrivileges, true, (*stage).renounce},
		{LayerLimits, true, (*stage).limit},
		{LayerLandlock, true, (*stage).restrict},
		{LayerCapabilities, true, (*stage).dropCapabilities},
		{LayerSeccomp, true, (*stage).filter},
	} {
		if !step.applies {
			continue
		}
		detail, err := step.apply(s)
		if err != nil && s.plan.Strict && promised(step.name) {
			return fmt.Errorf("%s: %w%s", step.name, err, orElse(remedyFor(step.name, err)))
		}
		layer := client.Layer{Name: step.name, State: client.LayerEnforced, Detail: detail}
		if err != nil {
			layer.State, layer.Detail, layer.Remedy = client.LayerMissing, err.Error(), remedyFor(step.name, err)
		}
		s.layers = append(s.layers, layer)
	}
	return nil
}

// orElse leads from what is wrong to what helps.
func orElse(remedy string) string {
	if remedy == "" {
		return ""
	}
	return "; " + remedy
}

func (s *stage) has(name string) bool { return stateOf(s.layers, name) == client.LayerEnforced }

// rename gives the sandbox a name of its own, so that it does not know the machine's.
func (s *stage) rename() (string, error) {
	if err := unix.Sethostname([]byte(s.plan.Service)); err != nil {
		return "", fmt.Errorf("set the host name: %w", err)
	}
	return "the host name is " + s.plan.Service, nil
}

// renounce makes setuid programs useless (PR_SET_NO_NEW_PRIVS(2const)).
func (s *stage) renounce() (string, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return "", err
	}
	return "setuid programs give no rights", nil
}

// threadsCountedAlone is the first Linux that counts a user's processes in each user
// namespace for itself (getrlimit(2), RLIMIT_NPROC).
var threadsCountedAlone = [2]int{5, 14}

// limit bounds what one process takes.
func (s *stage) limit() (string, error) {
	l := s.plan.Limits
	err := errors.Join(
		setLimit(unix.RLIMIT_NOFILE, uint64(l.OpenFiles)),
		setLimit(unix.RLIMIT_CORE, 0),
		setLimit(unix.RLIMIT_MEMLOCK, 64<<10),
		setLimit(unix.RLIMIT_RTPRIO, 0),
	)
	detail := fmt.Sprintf("%d open files, no core dumps", l.OpenFiles)
	if l.FileBytes > 0 {
		err = errors.Join(err, setLimit(unix.RLIMIT_FSIZE, l.FileBytes))
		detail += fmt.Sprintf(", files of %d MiB", l.FileBytes>>20)
	}
	if s.plan.MemoryBytes > 0 && !raceDetector {
		err = errors.Join(err, setLimit(unix.RLIMIT_DATA, s.plan.MemoryBytes))
		detail += fmt.Sprintf(", %d MiB of memory for each process", s.plan.MemoryBytes>>20)
	}
	// Outside of a user namespace of its own, all processes of the user would count.
	if s.own && kernelIsAtLeast(threadsCountedAlone) {
		err = errors.Join(err, setLimit(unix.RLIMIT_NPROC, uint64(l.Processes)))
		if os.Getuid() != 0 { // root's are not counted
			detail += fmt.Sprintf(", %d processes and threads", l.Processes)
		}
	}
	return detail, err
}

// setLimit goes through package syscall, which would otherwise give the program the
// number of open files back that it found itself.
func setLimit(resource int, value uint64) error {
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
		return fmt.Errorf("set limit %d: %w", resource, err)
	}
	return nil
}

func kernelIsAtLeast(version [2]int) bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > version[0] || major == version[0] && minor >= version[1]
}
