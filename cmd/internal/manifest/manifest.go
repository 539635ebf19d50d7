// Package manifest is the form in which a service from outside says what it is: the file
// NAME.yaml beside the executable NAME.
//
// It owns the form, its strict reading (an unknown key is an error with its line and the
// nearest known one), the checks that need nothing but the file, and the atomic writing. It
// leaves to package plugindir which names are taken and what the services need of each other.
package manifest

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/program"
)

// Manifest is the content of a NAME.yaml. The keys mean what the fields of
// plugins.Declaration of the same names mean.
type Manifest struct {
	Name         string                `yaml:"name"`
	Version      string                `yaml:"version,omitempty"`
	Summary      string                `yaml:"summary,omitempty"`
	Protocol     int                   `yaml:"protocol,omitempty"` // of the contract; 0: the present one
	SHA256       string                `yaml:"sha256"`
	Needs        []string              `yaml:"needs,omitempty"`
	Sockets      []Socket              `yaml:"sockets,omitempty"`
	Profile      plugins.Profile       `yaml:"profile,omitempty"`
	Replicas     int                   `yaml:"replicas,omitempty"`
	Restart      plugins.RestartPolicy `yaml:"restart,omitempty"`
	Essential    bool                  `yaml:"essential,omitempty"`
	Singleton    bool                  `yaml:"singleton,omitempty"`
	Environment  map[string]Value      `yaml:"environment,omitempty"`
	Secrets      []string              `yaml:"secrets,omitempty"`
	MemoryWeight int                   `yaml:"memory_weight,omitempty"`
	ReadyTimeout time.Duration         `yaml:"ready_timeout,omitempty"`
	StopGrace    time.Duration         `yaml:"stop_grace,omitempty"`

	file  string
	lines map[string]int // by key, such as "sockets[0].address"
}

// Socket is a listening socket.
type Socket struct {
	Name     string `yaml:"name,omitempty"`    // of the main one: ""
	Network  string `yaml:"network,omitempty"` // "unix", which is the default, or "tcp"
	Address  string `yaml:"address,omitempty"` // host:port of tcp; a unix socket gets its path from the runtime
	Protocol string `yaml:"protocol,omitempty"`
}

// Value is that of a variable: given, or the content of a file at the time of a start.
type Value struct {
	Given string
	File  string // absolute; its content is a secret
}

// Of returns the manifest of an executable that has answered Describe.
func Of(d plugins.Description, sum string) *Manifest {
	described := d.Declaration
	m := &Manifest{
		Name: d.Service, Version: d.Version, Summary: described.Summary, Protocol: d.Protocol, SHA256: sum,
		Needs: described.Needs, Profile: described.Profile, Replicas: described.Replicas, Restart: described.Restart,
		Essential: described.Essential, Singleton: described.Singleton, Secrets: described.Secrets,
		MemoryWeight: described.MemoryWeight, ReadyTimeout: described.ReadyTimeout, StopGrace: described.StopGrace,
	}
	for _, s := range described.Sockets {
		socket := Socket{Name: s.Name, Network: s.Network, Protocol: s.Protocol}
		if s.Network != "unix" {
			socket.Address = s.Address
		}
		m.Sockets = append(m.Sockets, socket)
	}
	return m
}

// Declaration is what the supervisor must know of the service.
func (m *Manifest) Declaration(paths config.Paths) plugins.Declaration {
	d := plugins.Declaration{
		Name: m.Name, Version: m.Version, Summary: m.Summary, Needs: m.Needs, Secrets: m.Secrets, Restart: m.Restart,
		Essential: m.Essential, Singleton: m.Singleton, Profile: m.profile(paths), Replicas: m.Replicas,
		MemoryWeight: m.MemoryWeight, ReadyTimeout: m.ReadyTimeout, StopGrace: m.StopGrace,
	}
	for n, s := range m.Sockets {
		socket := plugins.Socket{Name: s.Name, Network: "unix", Address: paths.Socket(m.Name, s.Name), Protocol: s.Protocol}
		if s.Network == "tcp" {
			socket.Network, socket.Address = "tcp", s.Address
			socket.Origin = m.Origin(fmt.Sprintf("sockets[%d].address", n))
		}
		d.Sockets = append(d.Sockets, socket)
	}
	return d
}

// profile grants what the manifest says: a relative path is below the service's own data
// folder, and the variables that it gives are there.
func (m *Manifest) profile(paths config.Paths) plugins.Profile {
	p := m.Profile
	absolute := func(list []string) []string {
		list = slices.Clone(list)
		for n, path := range list {
			if !filepath.IsAbs(path) {
				list[n] = filepath.Join(paths.Data(m.Name), path)
			}
		}
		return list
	}
	p.Write, p.Read, p.Environment = absolute(p.Write), absolute(p.Read), slices.Clone(p.Environment)
	for name := range m.Environment {
		p.Environment = append(p.Environment, name)
	}
	slices.Sort(p.Environment)
	return p
}

// Program is what the service executes: the file at path.
func (m *Manifest) Program(path string) program.Program {
	p := program.Program{
		Path: path, Args: []string{m.Name}, SHA256: m.SHA256, Origin: m.Origin("sha256"), SecretFiles: map[string]string{},
	}
	for name, value := range m.Environment {
		if value.File != "" {
			p.SecretFiles[name] = value.File
			continue
		}
		p.Environ = append(p.Environ, name+"="+value.Given)
	}
	slices.Sort(p.Environ)
	return p
}

// Origin says where a key stands, such as "/x/greeter.yaml:4: sha256".
func (m *Manifest) Origin(key string) string {
	if line := m.lines[key]; line > 0 {
		return fmt.Sprintf("%s:%d: %s", m.file, line, key)
	}
	return m.file + ": " + key
}

// Error makes the one line about a key.
func (m *Manifest) Error(key, format string, values ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{m.Origin(key)}, values...)...)
}
