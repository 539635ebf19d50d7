// Package client is the Go client of the runtime's control API, and the types of that
// API. The ocis commands are built on it; other programs may import it.
//
// It owns the JSON names, which are a contract: scripts depend on them. It leaves to
// the caller what to print, and to package control what the calls do.
package client

import (
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
)

// Status is the state of a service instance.
type Status string

// The states of an instance.
const (
	StatusStarting  Status = "starting"  // its process runs, or waits for what it needs
	StatusReady     Status = "ready"     // it serves
	StatusUnhealthy Status = "unhealthy" // it runs, and says or shows that it cannot serve
	StatusStopping  Status = "stopping"  // it was asked to stop and drains
	StatusStopped   Status = "stopped"   // it does not run, and nobody wants it to
	StatusBackoff   Status = "backoff"   // it crashed, and is started again at NextStart
	StatusFailed    Status = "failed"    // it crashed, and is not started again
)

// Instance is one process of a service: a row of `ocis list`. A process that was replaced and
// still finishes what it has is a row of its own behind that of its replacement, with
// StatusStopping and ReplacedBy; Restarts and LastExit are those of the instance there too.
type Instance struct {
	Service       string     `json:"service"`
	Instance      string     `json:"instance"`
	Status        Status     `json:"status"`
	Pid           int        `json:"pid"` // 0: no process
	Incarnation   string     `json:"incarnation,omitempty"`
	Restarts      int        `json:"restarts"` // starts after the first, since the runtime started
	UptimeSeconds float64    `json:"uptime_seconds"`
	Isolated      bool       `json:"isolated"`            // by every layer that isolation promises
	Isolation     string     `json:"isolation,omitempty"` // "full", "partial"; empty: it is not isolated
	Node          string     `json:"node"`                // the machine
	RSSBytes      uint64     `json:"rss_bytes"`
	PSSBytes      uint64     `json:"pss_bytes"` // 0: the kernel does not tell
	CPUSeconds    float64    `json:"cpu_seconds"`
	Message       string     `json:"message,omitempty"`     // why it is in this state, in one line
	NextStart     *time.Time `json:"next_start,omitempty"`  // backoff only
	LastExit      *Exit      `json:"last_exit"`             // null: it never exited
	ReplacedBy    string     `json:"replaced_by,omitempty"` // the incarnation that took over from it; empty: it is the present one

	MemoryLimitBytes uint64 `json:"memory_limit_bytes"` // the kernel ends it above; 0: no hard limit
}

// Replaced tells whether this is the row of a process that was replaced.
func (i Instance) Replaced() bool { return i.ReplacedBy != "" }

// Cause is what kind of end a process had.
type Cause string

// The causes.
const (
	CauseExit       Cause = "exit"        // it exited by itself, with Code
	CauseSignal     Cause = "signal"      // somebody else's Signal ended it
	CauseMemory     Cause = "memory"      // it was out of memory
	CauseHung       Cause = "hung"        // it did not answer health checks, and was killed
	CauseNotReady   Cause = "not ready"   // it did not become ready in time, and was killed
	CauseNotStarted Cause = "not started" // there was no process
	CauseAsked      Cause = "asked"       // the supervisor had asked it to end
)

// Exit is the record of a process that ended.
type Exit struct {
	Code          int       `json:"code"`   // -1: ended by a signal
	Signal        string    `json:"signal"` // such as "SIGKILL"; empty: it exited
	Cause         Cause     `json:"cause"`
	At            time.Time `json:"at"`
	Message       string    `json:"message"` // one line: what happened
	Pid           int       `json:"pid,omitempty"`
	Incarnation   string    `json:"incarnation,omitempty"`
	UptimeSeconds float64   `json:"uptime_seconds,omitempty"`
	Expected      bool      `json:"expected,omitempty"` // the supervisor had asked for it
	Decision      string    `json:"decision,omitempty"` // what the supervisor did next
	LastLines     []string  `json:"last_lines,omitempty"`
}

// Service is one service in full: `ocis status`.
type Service struct {
	Name      string     `json:"name"`
	Version   string     `json:"version"`
	Summary   string     `json:"summary"`
	Needs     []string   `json:"needs"`
	NeededBy  []string   `json:"needed_by"`
	Sockets   []Socket   `json:"sockets"`
	Restart   string     `json:"restart"`
	Essential bool       `json:"essential"`
	LogPath   string     `json:"log_path"`  // of the first instance
	Singleton bool       `json:"singleton"` // it owns its data alone: there is one instance, and none runs beside its replacement
	Replicas  int        `json:"replicas"`  // how many instances there are, also where Instances is one of them
	Instances []Instance `json:"instances"`
	Exits     []Exit     `json:"exits"` // newest first
	LogTail   []LogLine  `json:"log_tail"`
	Memory    Memory     `json:"memory"`
	Isolation Isolation  `json:"isolation"`
}

// Memory is what each instance of a service may take that is started now. One that runs
// keeps what it was started with.
type Memory struct {
	SoftBytes uint64 `json:"soft_bytes"`       // GOMEMLIMIT: above, Go's collector works harder; 0: none
	HardBytes uint64 `json:"hard_bytes"`       // above, the kernel ends it; 0: none
	HardBy    string `json:"hard_by"`          // "cgroup v1", "cgroup v2" or "none"
	Reason    string `json:"reason,omitempty"` // why there is no hard limit
}

// Socket is a listening socket that the supervisor holds for a service.
type Socket struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Address string `json:"address"`
	Held    bool   `json:"held"`
}

// LogLine is one line of a service's log.
type LogLine struct {
	Service string `json:"service"` // or the instance, where a service has several
	Line    string `json:"line"`
}

// Event is something that happened to a service or to the runtime.
type Event struct {
	Sequence    uint64    `json:"sequence"`
	At          time.Time `json:"at"`
	Kind        string    `json:"kind"` // see the Event kinds
	Service     string    `json:"service,omitempty"`
	Instance    string    `json:"instance,omitempty"`
	Incarnation string    `json:"incarnation,omitempty"`
	Pid         int       `json:"pid,omitempty"`
	Status      Status    `json:"status,omitempty"` // the state entered
	Message     string    `json:"message,omitempty"`
	Exit        *Exit     `json:"exit,omitempty"`
}

// Event kinds.
const (
	EventStatus  = "status"  // an instance entered Status
	EventExit    = "exit"    // a process ended
	EventRuntime = "runtime" // ready, stopping, …
)

// TreeNode says who needs whom.
type TreeNode struct {
	Service  string   `json:"service"`
	Needs    []string `json:"needs"`
	NeededBy []string `json:"needed_by"`
	Status   Status   `json:"status"`
}

// Error is the body of every answer whose status is not 2xx.
type Error struct {
	Code    int    `json:"code"`  // HTTP status
	Message string `json:"error"` // one line that says what to do
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// ScaleRequest is the body of a scale call.
type ScaleRequest struct {
	Replicas int `json:"replicas"`
}

// CrashRequest is the body of a crash call.
type CrashRequest struct {
	Signal string `json:"signal"` // default SIGKILL
}

// Isolation is what keeps a child from the rest of the machine.
type Isolation struct {
	Mode    string          `json:"mode"` // "strict", "best-effort" or "off"
	Profile plugins.Profile `json:"profile"`
	Layers  []Layer         `json:"layers"`            // of the child that runs; none: none runs, or it is not isolated
	Score   float64         `json:"score"`             // 0 (open) to 10
	Message string          `json:"message,omitempty"` // why there are no layers, in one line
}

// Layer is one thing that keeps a child from the rest of the machine.
type Layer struct {
	Name   string     `json:"name"`
	State  LayerState `json:"state"`
	Detail string     `json:"detail,omitempty"` // what it covers, or why it is not there, in one line
	Remedy string     `json:"remedy,omitempty"` // how to get it, in one line
}

// LayerState says whether a layer is there.
type LayerState string

// The states of a layer.
const (
	LayerEnforced LayerState = "enforced"
	LayerMissing  LayerState = "not available" // on this machine; Detail says why
	LayerOff      LayerState = "off"           // the profile or the settings do without it
)
