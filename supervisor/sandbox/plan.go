package sandbox

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
)

// Access is what may be done with a file or a folder and what is below it.
type Access string

// The kinds of access. None of them but AccessExecute lets a program be executed.
const (
	AccessRead    Access = "read"
	AccessExecute Access = "execute" // and read
	AccessWrite   Access = "write"   // and read, make, move and remove
	AccessConnect Access = "connect" // to the unix sockets in a folder
	AccessDevice  Access = "device"  // read and write, without ioctl
)

// Mount is a file or folder of the machine that is in the sandbox, under the same path.
type Mount struct {
	Path   string `json:"path"`
	Access Access `json:"access"`
}

// Plan is everything that the stage does.
type Plan struct {
	Service string `json:"service"`
	// Strict: a missing layer is an error. Otherwise there is what the machine has.
	Strict bool `json:"strict"`
	// Base is an empty folder, on which the file tree is built.
	Base    string         `json:"base"`
	Mounts  []Mount        `json:"mounts"`
	Network bool           `json:"network"`
	Limits  plugins.Limits `json:"limits"`
	// MemoryBytes bounds the memory of each process, where no control group bounds that of all;
	// 0: it does not.
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	// Environment names the variables that the program gets; see plugins.Profile.
	Environment []string `json:"environment"`
	Dir         string   `json:"dir"` // where the program is executed
	// Wrap sets what is executed; Args have the program's name first.
	Program string   `json:"program"`
	Args    []string `json:"args"`
}

// devices are those that programs expect everywhere.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// clock is read by whoever tells the local time.
const clock = "/etc/localtime"

// networkFiles are what is read to reach a host by its name and to trust it.
var networkFiles = []string{
	"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/services", "/etc/ssl", "/etc/pki/tls", "/usr/share/ca-certificates",
}

// libraries are where the parts of a program are that is not linked statically.
var libraries = []string{"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/etc/ld.so.cache"}

// NewPlan returns the plan of a service that executes program, and makes the folders that
// the profile lets it write to. Files that are on some machines only are left out where they
// are not; what the profile lets it read must exist.
func NewPlan(d plugins.Declaration, paths config.Paths, strict bool, program string) (Plan, error) {
	p := Plan{
		Service: d.Name, Strict: strict, Base: filepath.Join(paths.Run, "sandbox"), Network: d.Profile.Network,
		Limits: d.Profile.Limits.WithDefaults(), Environment: slices.Concat(common, ownVariables(d)),
	}
	var err error
	if p.Dir, err = os.Getwd(); err != nil { // so that a relative path means the same
		return Plan{}, fmt.Errorf("find the working directory: %w", err)
	}
	p.optional(AccessDevice, devices...)
	p.optional(AccessRead, clock)
	if d.Profile.Network {
		p.optional(AccessRead, networkFiles...)
	}
	dynamic, err := linkedDynamically(program)
	if err != nil {
		return Plan{}, err
	}
	if dynamic {
		p.optional(AccessExecute, libraries...)
	}
	p.Grant(AccessExecute, program)
	p.Grant(AccessRead, d.Profile.Read...)
	p.Grant(AccessWrite, d.Profile.Write...)
	made := slices.Clone(d.Profile.Write)
	if len(d.Profile.Peers) > 0 {
		p.Grant(AccessRead, paths.Registry())
	}
	for _, peer := range d.Profile.Peers {
		p.Grant(AccessConnect, paths.Sockets(peer))
		made = append(made, paths.Sockets(peer))
	}
	for _, folder := range made {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return Plan{}, fmt.Errorf("prepare the sandbox of %s: %w", d.Name, err)
		}
	}
	return p, p.check()
}

// Grant adds files and folders. A copy of the plan that was made before stays as it was.
func (p *Plan) Grant(access Access, paths ...string) {
	p.Mounts = slices.Clone(p.Mounts)
	for _, path := range paths {
		p.Mounts = append(p.Mounts, Mount{Path: filepath.Clean(path), Access: access})
	}
	// What is above is mounted before what is below.
	slices.SortStableFunc(p.Mounts, func(x, y Mount) int { return cmp.Compare(len(x.Path), len(y.Path)) })
}

func (p *Plan) optional(access Access, paths ...string) {
	p.Grant(access, slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})...)
}

// check finds what the stage could not mount.
func (p *Plan) check() error {
	for _, mount := range p.Mounts {
		if _, err := os.Stat(mount.Path); err != nil {
			return fmt.Errorf("the profile of %s names %s: %w", p.Service, mount.Path, reason(err))
		}
	}
	return nil
}

// reason is an error without the path, which the caller has said.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// linkedDynamically tells whether a program needs an interpreter: a shared library's
// loader, or that of a script.
func linkedDynamically(program string) (bool, error) {
	file, err := elf.Open(program)
	var format *elf.FormatError
	if errors.As(err, &format) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", program, reason(err))
	}
	defer file.Close()
	return slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), nil
}
