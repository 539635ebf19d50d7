package child

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hashicorp/go-plugin"

	"github.com/owncloud/ocis-runtime/plugins"
)

// versions are those of the contract that are understood, for go-plugin to choose from.
func versions() map[int]plugin.PluginSet {
	sets := map[int]plugin.PluginSet{}
	for version := plugins.OldestProtocol; version <= plugins.ProtocolVersion; version++ {
		sets[version] = contract
	}
	return sets
}

// understood says which versions these are, for people.
func understood() string {
	if plugins.OldestProtocol == plugins.ProtocolVersion {
		return fmt.Sprintf("version %d", plugins.ProtocolVersion)
	}
	return fmt.Sprintf("versions %d to %d", plugins.OldestProtocol, plugins.ProtocolVersion)
}

// errVersion says that a program speaks another version of the contract.
func errVersion(version string) error {
	return fmt.Errorf("it speaks version %s of the child contract, %s is needed: build it with the package plugins of this runtime",
		version, understood())
}

// explain turns what go-plugin says about a start into one line that names the file and the
// remedy. go-plugin's errors have no types (client.go of go-plugin 1.8.0, Client.Start).
func (s Spec) explain(err error) error {
	said := strings.Join(strings.Fields(err.Error()), " ")
	file := cmp.Or(s.KnownAs, s.Path)
	var version int
	if _, scanned := fmt.Sscanf(said, "incompatible API version with plugin. Plugin version: %d,", &version); scanned == nil {
		return fmt.Errorf("no handshake: %s: %w", file, errVersion(fmt.Sprint(version)))
	}
	line, printed := strings.CutPrefix(said, "Unrecognized remote plugin message: ")
	printed = printed && !strings.HasSuffix(line, "Failed to read any lines from plugin's stdout")
	switch {
	case said == "timeout while waiting for plugin to start":
		said = fmt.Sprintf("nothing on stdout within %s: its main must call plugins.Serve at once", s.StartTimeout)
	case printed:
		said = fmt.Sprintf("its first line on stdout is %q: print nothing there before plugins.Serve, logs belong on stderr", shortened(line))
	case strings.HasPrefix(said, "error parsing core protocol version"), strings.HasPrefix(said, "incompatible core API version"):
		said = "its first line on stdout is no handshake of go-plugin: print nothing there before plugins.Serve, logs belong on stderr"
	case strings.HasPrefix(said, "plugin exited"), strings.HasPrefix(said, "Unrecognized remote plugin message"):
		said = "it closed stdout without a word: its main must call plugins.Serve"
	case strings.HasPrefix(said, "unsupported plugin protocol"):
		said += ": the contract is net/rpc"
	}
	return fmt.Errorf("no handshake: %s: %s", file, said)
}

// shownLine bounds what is repeated of a line that somebody printed.
const shownLine = 60

func shortened(line string) string {
	if len(line) > shownLine {
		return line[:shownLine] + "…"
	}
	return line
}

// identify checks that the process which answers is the one that was started, and means
// by the calls what this program does.
func (c *Child) identify(d plugins.Description) error {
	if d.Protocol < plugins.OldestProtocol || d.Protocol > plugins.ProtocolVersion {
		return errVersion(fmt.Sprint(d.Protocol))
	}
	if d.Service != c.spec.Service {
		return &NameError{File: cmp.Or(c.spec.KnownAs, c.spec.Path), Name: c.spec.Service, Claimed: d.Service}
	}
	if d.Instance != c.spec.Instance || d.Incarnation != c.spec.Incarnation {
		return fmt.Errorf("it says that it is %s (incarnation %s), expected %s (incarnation %s)",
			d.Instance, d.Incarnation, c.spec.Instance, c.spec.Incarnation)
	}
	return nil
}

// NameError is returned for a program that is another service than it should be.
type NameError struct {
	File, Name, Claimed string
}

// Error implements error.
func (e *NameError) Error() string {
	return fmt.Sprintf("%s says that it is %s, expected %s: its Name and that of the file must be the same", e.File, e.Claimed, e.Name)
}
