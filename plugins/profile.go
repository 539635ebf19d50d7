package plugins

import "cmp"

// Profile is what a service has of the machine while it is isolated, beyond its own
// sockets, its program and a temporary folder of its own. The zero value grants nothing.
type Profile struct {
	// Isolate says whether the service is isolated, unless the settings say otherwise.
	Isolate Isolation `json:"isolate,omitempty" yaml:"isolate,omitempty"`
	// Write names folders that it reads and writes. They are made when they are missing.
	Write []string `json:"write,omitempty" yaml:"write,omitempty"`
	// Read names files and folders that it reads.
	Read []string `json:"read,omitempty" yaml:"read,omitempty"`
	// Peers names the services whose sockets it connects to.
	Peers []string `json:"peers,omitempty" yaml:"peers,omitempty"`
	// Network: it reaches the machine's network. Inherited sockets need no network.
	Network bool `json:"network,omitempty" yaml:"network,omitempty"`
	// Settings names what it reads of ocis.yaml: a section, such as "nats", or one key of
	// one, such as "token.verifying_key". Its own section is always there.
	Settings []string `json:"settings,omitempty" yaml:"settings,omitempty"`
	// Environment names the variables that it reads: a name, or a prefix that ends with
	// "*". Those that all services read are always there.
	Environment []string `json:"environment,omitempty" yaml:"environment,omitempty"`
	// Limits bound what it takes of the machine; the memory is bounded by the budget.
	Limits Limits `json:"limits" yaml:"limits,omitempty"`
}

// Isolation says how much a service is isolated.
type Isolation string

// The kinds of isolation. The zero value means IsolationOff.
const (
	IsolationOff        Isolation = "off"
	IsolationStrict     Isolation = "strict"      // it does not start where a promised layer is missing
	IsolationBestEffort Isolation = "best-effort" // it starts with the layers that the machine has
)

// Limits bound what an isolated process and its descendants take of the machine.
type Limits struct {
	Processes  int    `json:"processes,omitempty" yaml:"processes,omitempty"`     // and threads; 0: DefaultProcesses
	OpenFiles  int    `json:"open_files,omitempty" yaml:"open_files,omitempty"`   // of each process; 0: DefaultOpenFiles
	FileBytes  uint64 `json:"file_bytes,omitempty" yaml:"file_bytes,omitempty"`   // size of each file that it writes; 0: no limit
	TmpBytes   uint64 `json:"tmp_bytes,omitempty" yaml:"tmp_bytes,omitempty"`     // what its temporary folder holds; 0: DefaultTmpBytes
	CPUPercent int    `json:"cpu_percent,omitempty" yaml:"cpu_percent,omitempty"` // of one processor; 0: no limit
}

// Defaults of Limits.
const (
	DefaultProcesses = 512
	DefaultOpenFiles = 8192
	DefaultTmpBytes  = 64 << 20
)

// WithDefaults returns l with the defaults of what it leaves out.
func (l Limits) WithDefaults() Limits {
	l.Processes = cmp.Or(l.Processes, DefaultProcesses)
	l.OpenFiles = cmp.Or(l.OpenFiles, DefaultOpenFiles)
	l.TmpBytes = cmp.Or(l.TmpBytes, DefaultTmpBytes)
	return l
}
