package child

import (
	"time"

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
// has. The entry must be closed.
func (s *Sandbox) Enter(spec process.Spec, controlDir string) (process.Spec, *sandbox.Entry, error) {
	plan := s.Plan
	plan.Grant(sandbox.AccessWrite, controlDir)
	return plan.Wrap(spec, s.Binary, s.Settings)
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
