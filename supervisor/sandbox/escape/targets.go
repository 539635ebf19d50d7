package escape

import (
	"encoding/json"
	"fmt"
	"os"
)

// TargetsVariable is the variable of the environment in which targets travel to Run's
// attempts, and may travel to the process that calls Run inside a sandbox. A variable
// covers none of the descriptors that an attempt looks at.
const TargetsVariable = "OCIS_ESCAPE_TARGETS"

// Targets are what the attempts aim at. They marshal to JSON; what belongs to the process
// that prepared them does not travel.
type Targets struct {
	// Own is a folder that the sandboxed service may write, under the path that it has in
	// the sandbox; "" if it has none.
	Own string `json:"own,omitempty"`
	// Limits are those that the sandbox promises.
	Limits Limits `json:"limits"`
	// Network: the sandbox gives the machine's network, so reaching it is no escape.
	Network bool `json:"network,omitempty"`
	// Runtime names places of a real runtime, to be tried as well. All may be empty.
	Runtime Runtime `json:"runtime"`

	Token  string `json:"token"`  // is in every secret, and in the argv of every attempt
	Dir    string `json:"dir"`    // outside, holds the planted files and sockets
	Inside bool   `json:"inside"` // set by Run

	TCP      string `json:"tcp"` // host:port
	UDP      string `json:"udp"`
	Abstract string `json:"abstract"`  // name of a socket, without the leading zero byte
	BindPort int    `json:"bind_port"` // the outside keeps dialling it

	Victim          Victim `json:"victim"`
	Doomed          Victim `json:"doomed"`
	DoomedByPidfd   Victim `json:"doomed_by_pidfd"`
	Supervisor      int    `json:"supervisor"` // pid of the process that prepared
	SharedMemory    int    `json:"shared_memory"`
	MessageQueue    int    `json:"message_queue"`
	SecretHandle    Handle `json:"secret_handle"`
	SupervisorPlace string `json:"supervisor_place"` // its executable

	Machine Machine `json:"machine"`

	outside *outside
}

// Limits are what a sandbox promises to bound; 0 means that it promises nothing.
type Limits struct {
	Processes   int    `json:"processes,omitempty"`
	FileBytes   uint64 `json:"file_bytes,omitempty"`
	TmpBytes    uint64 `json:"tmp_bytes,omitempty"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	// Descriptors are those that a child may have beyond 0, 1 and 2.
	Descriptors []int `json:"descriptors,omitempty"`
}

// Runtime are places of the runtime whose service is tested.
type Runtime struct {
	Config      string `json:"config,omitempty"`       // its ocis.yaml
	OtherData   string `json:"other_data,omitempty"`   // a data folder of another service
	Control     string `json:"control,omitempty"`      // its control socket
	OtherSocket string `json:"other_socket,omitempty"` // a socket of a service that is no peer
	RunDir      string `json:"run_dir,omitempty"`
	BaseDir     string `json:"base_dir,omitempty"`
}

// Victim is a process made to be attacked.
type Victim struct {
	Pid   int    `json:"pid"`   // 0: it could not be started
	Start uint64 `json:"start"` // as in process.Identity
	// Environment is the address in its memory where the token is; 0: unknown.
	Environment uint64 `json:"environment"`
}

// Handle is a file's handle as open_by_handle_at(2) takes it.
type Handle struct {
	Type  int32  `json:"type"`
	Bytes []byte `json:"bytes"`
}

// Place is a file's identity on the machine.
type Place struct {
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// Machine is what the outside knows of the machine, so that an attempt tells a file that
// is hidden from one that does not exist.
type Machine struct {
	Existing        []string          `json:"existing"`
	Hashes          map[string]string `json:"hashes"` // of files, by path; SHA-256 in hex
	Root            Place             `json:"root"`
	Home            Place             `json:"home"` // Path "": there is none
	Environment     string            `json:"environment"`
	Interfaces      []string          `json:"interfaces"` // without loopback
	Disk            string            `json:"disk"`       // block device under the targets, "" if none
	DiskNumber      uint64            `json:"disk_number"`
	Hostname        string            `json:"hostname"`
	CorePattern     string            `json:"core_pattern"`
	PidNamespace    uint64            `json:"pid_namespace"`
	MemoryAvailable uint64            `json:"memory_available"` // bytes; MemAvailable of proc_meminfo(5)
	Sysctl          string            `json:"sysctl"`           // writable files whose own value is written back
	Sysfs           string            `json:"sysfs"`
	Cgroup          string            `json:"cgroup"` // where a group can be made
}

// TargetsFromEnvironment returns the targets that TargetsVariable carries.
func TargetsFromEnvironment() (*Targets, error) {
	t := &Targets{}
	if err := json.Unmarshal([]byte(os.Getenv(TargetsVariable)), t); err != nil {
		return nil, fmt.Errorf("read the targets from %s: %w", TargetsVariable, err)
	}
	return t, nil
}

// Variable returns the targets as a line for an environment.
func (t *Targets) Variable() (string, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("write down the targets: %w", err)
	}
	return TargetsVariable + "=" + string(data), nil
}
