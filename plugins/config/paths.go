package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// MaxSocketPath is the longest path that bind(2) takes for a unix socket on every
// platform we build for: sun_path has 108 bytes on Linux and 104 on macOS, with the NUL.
const MaxSocketPath = 103

// longestSocketName is room for what Socket appends, and for the names that go-plugin
// gives to control sockets.
const longestSocketName = 47

// Paths says where things are on disk. All are absolute.
type Paths struct {
	Base    string // data of all services
	Config  string // folder of ocis.yaml
	Run     string // sockets, lock, run state
	Plugins string // third-party executables
}

// Data returns a service's own data folder.
func (p Paths) Data(service string) string { return filepath.Join(p.Base, service) }

// Log returns the file that a service's output goes to.
func (p Paths) Log(service string) string { return filepath.Join(p.Base, "logs", service+".log") }

// Socket returns the path of a service's unix socket; the main one has the empty name.
func (p Paths) Socket(service, socket string) string {
	if socket == "" {
		socket = "main"
	}
	return filepath.Join(p.Sockets(service), socket+".sock")
}

// Sockets returns the folder of a service's unix sockets, and of nothing else: who may see
// the folder may connect.
func (p Paths) Sockets(service string) string { return filepath.Join(p.Run, "sockets", service) }

// Registry returns the folder of the registry's snapshot, and of nothing else.
func (p Paths) Registry() string { return filepath.Join(p.Run, "registry") }

// Environ returns the variables that lead to the same paths, but for that of the
// configuration.
func (p Paths) Environ() []string {
	return []string{"OCIS_BASE_DATA_PATH=" + p.Base, "OCIS_RUN_DIR=" + p.Run, "OCIS_PLUGINS_DIR=" + p.Plugins}
}

// File returns the path of ocis.yaml.
func (p Paths) File() string { return filepath.Join(p.Config, "ocis.yaml") }

// ResolvePaths returns the paths that the environment names. It touches no file.
func ResolvePaths() (Paths, error) { return resolvePaths(os.Getenv) }

// resolvePaths reads the environment. A run directory whose sockets would not fit the
// kernel's limit is replaced by a short one below /tmp.
func resolvePaths(getenv func(string) string) (Paths, error) {
	base := getenv("OCIS_BASE_DATA_PATH")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return Paths{}, fmt.Errorf("no home directory is known: set OCIS_BASE_DATA_PATH to a folder: %w", err)
		}
		base = filepath.Join(home, ".ocis")
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return Paths{}, fmt.Errorf("OCIS_BASE_DATA_PATH=%s: %w", base, err)
	}
	p := Paths{Base: base}
	for _, path := range []struct {
		to       *string
		variable string
		folder   string
	}{
		{&p.Config, "OCIS_CONFIG_DIR", "config"},
		{&p.Run, "OCIS_RUN_DIR", "run"},
		{&p.Plugins, "OCIS_PLUGINS_DIR", "plugins"},
	} {
		*path.to = getenv(path.variable)
		if *path.to == "" {
			*path.to = filepath.Join(base, path.folder)
		}
		if *path.to, err = filepath.Abs(*path.to); err != nil {
			return Paths{}, fmt.Errorf("%s: %w", path.variable, err)
		}
	}
	p.Run = shortRunDir(p.Run)
	return p, nil
}

// shortRunDir returns dir, or when sockets in it would have too long a path, a folder
// with a short name that is the same for the same dir and user, whatever TMPDIR is. MakeDirs checks that
// it is the user's own.
func shortRunDir(dir string) string {
	if len(dir)+1+longestSocketName <= MaxSocketPath {
		return dir
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join("/tmp", fmt.Sprintf("ocis-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])))
}
