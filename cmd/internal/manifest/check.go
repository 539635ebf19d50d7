package manifest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor"
)

// maxName bounds the names of services, for tables and paths.
const maxName = 24

// CheckName returns why a service cannot be called so.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("it is missing")
	case !isName(name) || len(name) > maxName:
		return fmt.Errorf("%q is no name of a service: lower case letters, digits and dashes, up to %d of them, with a letter first", name, maxName)
	case isInstance(name):
		return fmt.Errorf("%q looks like an instance of another service: let it not end with a dash and a number", name)
	}
	return nil
}

// isName tells whether a word is of lower case letters, digits and dashes, with a letter first
// and no dash last.
func isName(word string) bool {
	other := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return word != "" && word[0] >= 'a' && word[0] <= 'z' && word[len(word)-1] != '-' && !strings.ContainsFunc(word, other)
}

// isInstance tells whether a name ends with a dash and a number.
func isInstance(name string) bool {
	number := name[strings.LastIndexByte(name, '-')+1:]
	return len(number) < len(name) && strings.Trim(number, "0123456789") == ""
}

func isVariable(name string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	}
	return name != "" && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name, other)
}

// Check finds what is wrong with the values.
func (m *Manifest) Check(paths config.Paths) error {
	if err := CheckName(m.Name); err != nil {
		return m.Error("name", "%w", err)
	}
	if file := strings.TrimSuffix(filepath.Base(m.file), Suffix); file != m.Name {
		return m.Error("name", "it is %q and the file is that of %q: both must be the same", m.Name, file)
	}
	for _, check := range []func(config.Paths) error{m.checkProgram, m.checkRuns, m.checkNames, m.checkSockets, m.checkProfile, m.checkEnvironment} {
		if err := check(paths); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manifest) checkProgram(config.Paths) error {
	if m.Protocol != 0 && (m.Protocol < plugins.OldestProtocol || m.Protocol > plugins.ProtocolVersion) {
		return m.Error("protocol", "version %d of the contract is not understood, %d to %d are: build it with the package plugins of this runtime",
			m.Protocol, plugins.OldestProtocol, plugins.ProtocolVersion)
	}
	if m.SHA256 == "" {
		return m.Error("sha256", "it is missing: `ocis plugins install` writes it, sha256sum shows it")
	}
	if sum, err := hex.DecodeString(m.SHA256); err != nil || len(sum) != 32 {
		return m.Error("sha256", "%q is no checksum: sha256sum shows its 64 digits", m.SHA256)
	}
	return nil
}

func (m *Manifest) checkRuns(config.Paths) error {
	policies := []plugins.RestartPolicy{"", plugins.RestartAlways, plugins.RestartOnFailure, plugins.RestartNever}
	if !slices.Contains(policies, m.Restart) {
		return m.Error("restart", "%q is none of always, on-failure and never", m.Restart)
	}
	if m.Replicas != 0 || m.lines["replicas"] != 0 {
		if err := supervisor.CheckReplicas(m.Name, m.Singleton, m.Replicas); err != nil {
			return m.Error("replicas", "%w", err)
		}
	}
	for key, negative := range map[string]bool{
		"memory_weight": m.MemoryWeight < 0, "ready_timeout": m.ReadyTimeout < 0, "stop_grace": m.StopGrace < 0,
	} {
		if negative {
			return m.Error(key, "it must not be negative")
		}
	}
	return nil
}

// checkNames looks at those of other services; they become parts of paths.
func (m *Manifest) checkNames(config.Paths) error {
	for key, names := range map[string][]string{"needs": m.Needs, "profile.peers": m.Profile.Peers} {
		for _, name := range names {
			if err := CheckName(name); err != nil {
				return m.Error(key, "%w", err)
			}
		}
	}
	return nil
}

func (m *Manifest) checkSockets(paths config.Paths) error {
	seen := map[string]bool{}
	for n, s := range m.Sockets {
		at := func(key string) string { return fmt.Sprintf("sockets[%d].%s", n, key) }
		switch {
		case s.Name != "" && (!isName(s.Name) || s.Name == "main"):
			return m.Error(at("name"), "%q is no name of a socket: lower case letters, digits and dashes; leave it out for the main one", s.Name)
		case seen[s.Name]:
			return m.Error(at("name"), "two sockets are called %q: name each", s.Name)
		case s.Network != "" && s.Network != "unix" && s.Network != "tcp":
			return m.Error(at("network"), "%q is neither unix nor tcp", s.Network)
		case s.Network != "tcp" && s.Address != "":
			return m.Error(at("address"), "a unix socket gets its path from the runtime: leave the address out")
		case s.Network == "tcp" && s.Address == "":
			return m.Error(at("address"), "it is missing: give host:port")
		case s.Network == "tcp" && config.AddressProblem(s.Address) != "":
			return m.Error(at("address"), "%q: %s: give host:port", s.Address, config.AddressProblem(s.Address))
		}
		if path := paths.Socket(m.Name, s.Name); s.Network != "tcp" && len(path) > config.MaxSocketPath {
			return m.Error(at("name"), "the path %s would be longer than %d bytes: give a shorter name", path, config.MaxSocketPath)
		}
		seen[s.Name] = true
	}
	return nil
}

func (m *Manifest) checkProfile(config.Paths) error {
	kinds := []plugins.Isolation{"", plugins.IsolationOff, plugins.IsolationStrict, plugins.IsolationBestEffort}
	if !slices.Contains(kinds, m.Profile.Isolate) {
		return m.Error("profile.isolate", "%q is none of strict, best-effort and off", m.Profile.Isolate)
	}
	for key, list := range map[string][]string{"profile.write": m.Profile.Write, "profile.read": m.Profile.Read} {
		for _, path := range list {
			if !filepath.IsAbs(path) && !filepath.IsLocal(path) {
				return m.Error(key, "%q leads out of the service's own folder: give an absolute path", path)
			}
		}
	}
	l := m.Profile.Limits
	for key, value := range map[string]int{"processes": l.Processes, "open_files": l.OpenFiles, "cpu_percent": l.CPUPercent} {
		if value < 0 {
			return m.Error("profile.limits."+key, "it must not be negative")
		}
	}
	return nil
}

func (m *Manifest) checkEnvironment(config.Paths) error {
	for _, name := range slices.Sorted(maps.Keys(m.Environment)) {
		key, file := "environment."+name, m.Environment[name].File
		switch {
		case !isVariable(name):
			return m.Error(key, "%q is no name of a variable", name)
		case ofContract(name):
			return m.Error(key, "the runtime sets it itself: remove it")
		case file != "" && !filepath.IsAbs(file):
			return m.Error(key, "%q is no absolute path", file)
		}
	}
	return nil
}

// ofContract tells whether a variable is one by which supervisor and child agree.
func ofContract(name string) bool {
	return slices.ContainsFunc(append(plugins.LaunchVariables(), config.SettingsVariable), func(own string) bool {
		prefix, open := strings.CutSuffix(own, "*")
		return name == own || open && strings.HasPrefix(name, prefix)
	})
}
