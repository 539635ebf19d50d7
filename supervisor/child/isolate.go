package child

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// Sandbox says how a child is isolated.
type Sandbox struct {
	Plan     sandbox.Plan
	Binary   string // the main binary, which builds the sandbox
	Settings []byte // what the child sees of ocis.yaml

	// Built is called when the program of a child is executed, with the layers around it.
	Built func(layers []client.Layer)
}

// Enter changes spec so that what it starts is isolated. controlDir is a folder that it alone
// has; it holds its settings also. The entry must be closed.
func (s *Sandbox) Enter(spec process.Spec, controlDir string) (process.Spec, *sandbox.Entry, error) {
	folder := filepath.Join(controlDir, "config")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return spec, nil, fmt.Errorf("pass the settings on: %w", err)
	}
	if err := os.WriteFile(config.Paths{Config: folder}.File(), s.Settings, 0o600); err != nil {
		return spec, nil, fmt.Errorf("pass the settings on: %w", err)
	}
	plan := s.Plan
	plan.Grant(sandbox.AccessWrite, controlDir)
	const variable = "OCIS_CONFIG_DIR="
	spec.Env = slices.DeleteFunc(spec.Env, func(v string) bool { return strings.HasPrefix(v, variable) })
	spec.Env = append(spec.Env, variable+folder)
	return plan.Wrap(spec, s.Binary)
}

// reportTimeout bounds the wait for a sandbox's report. It comes before the handshake, or
// never.
const reportTimeout = time.Second

// report passes the sandbox's report on. An error says why there is no sandbox.
func (s *Sandbox) report(entry *sandbox.Entry) error {
	defer entry.Close()
	layers, err := entry.Report(reportTimeout)
	if err == nil {
		s.Built(layers)
	}
	return err
}
