package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
	"github.com/owncloud/ocis-runtime/supervisor/process"
	"github.com/owncloud/ocis-runtime/supervisor/sandbox"
)

// trialBound bounds the building of a sandbox, which takes milliseconds.
const trialBound = 5 * time.Second

// isolation checks which layers a sandbox has here, by building one around this program.
func isolation() Finding {
	const check = "isolation"
	layers, err := trySandbox()
	if err != nil {
		return Finding{check, Warn, err.Error(), "run no service with --isolate"}
	}
	var missing, remedies []string
	for _, layer := range layers {
		if layer.State == client.LayerMissing {
			missing = append(missing, layer.Name)
			if layer.Remedy != "" && !strings.Contains(strings.Join(remedies, "; "), layer.Remedy) {
				remedies = append(remedies, layer.Remedy)
			}
		}
	}
	if len(missing) == 0 {
		return Finding{check, OK, fmt.Sprintf("all %d layers of a sandbox", len(layers)), ""}
	}
	return Finding{check, Warn, "a sandbox has no " + strings.Join(missing, ", "), strings.Join(remedies, "; ")}
}

// trySandbox builds one in a temporary folder.
func trySandbox() ([]client.Layer, error) {
	dir, err := os.MkdirTemp("", "ocis-doctor-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	plan, err := sandbox.NewPlan(plugins.Declaration{Name: "doctor"}, config.Paths{Base: dir, Run: filepath.Join(dir, "run")}, false, binary)
	if err != nil {
		return nil, err
	}
	spec := process.Spec{Path: binary, Args: []string{binary, "version"}, Files: []*os.File{nil, nil, nil}}
	spec, entry, err := plan.Wrap(spec, binary, nil)
	if err != nil {
		return nil, err
	}
	defer entry.Close()
	p, err := process.Start(spec)
	entry.Started()
	if err != nil {
		return nil, err
	}
	layers, err := entry.Report(trialBound)
	_ = p.Signal(syscall.SIGKILL) // its version, or what it hangs at, is of no interest
	<-p.Done()
	return layers, err
}
