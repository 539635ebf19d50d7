// Package doctor looks for what would stop a start of the runtime on this machine.
//
// It owns the checks and what each one advises. It changes nothing, and it leaves the
// printing to the command. A check that passes is no promise: a port that is free now
// can be taken a moment later.
package doctor

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/runlock"
	"github.com/owncloud/ocis-runtime/supervisor/sockets"
)

// Verdict is the result of a check.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // it starts, and something is missing
	Fail Verdict = "fail" // it would not start
)

// Finding is what a check found.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Remedy  string  `json:"remedy,omitempty"`
}

// Examine makes all checks. services is called to build every service from the
// configuration; its error is a finding.
func Examine(services func() (*config.Source, []plugins.Declaration, error)) []Finding {
	paths, err := config.ResolvePaths()
	if err != nil {
		return []Finding{{"paths", Fail, err.Error(), "set OCIS_BASE_DATA_PATH"}}
	}
	findings := []Finding{folder("data", paths.Base), folder("run directory", paths.Run)}
	held := runtime(paths)
	findings = append(findings, held, space(paths.Base))
	var src *config.Source
	var declarations []plugins.Declaration
	if !paths.Exists() {
		findings = append(findings, Finding{"settings", OK, "no ocis.yaml yet: the first start makes it", ""})
	} else {
		if src, declarations, err = services(); err != nil {
			findings = append(findings, Finding{"settings", Fail, err.Error(), "correct it as the message says"})
		} else {
			findings = append(findings, Finding{"settings", OK, paths.File(), ""})
		}
		// A runtime that runs holds its ports itself.
		if held.Verdict == OK {
			findings = append(findings, ports(declarations)...)
		}
	}
	findings = append(findings, budget(src, declarations), hardLimits(), descriptors(), clock())
	return append(findings, kernel()...)
}

// folder checks that a folder can be used, or made.
func folder(check, path string) Finding {
	existing := path
	for {
		info, err := os.Stat(existing)
		if err == nil && !info.IsDir() {
			return Finding{check, Fail, existing + " is not a folder", "move it away, or set OCIS_BASE_DATA_PATH"}
		}
		if err == nil {
			break
		}
		if !os.IsNotExist(err) {
			return Finding{check, Fail, err.Error(), "allow access to it, or set OCIS_BASE_DATA_PATH"}
		}
		existing = filepath.Dir(existing)
	}
	probe, err := os.CreateTemp(existing, ".ocis-doctor-*")
	if err != nil {
		return Finding{check, Fail, "cannot write to " + existing, "chown it, or set OCIS_BASE_DATA_PATH"}
	}
	probe.Close()
	os.Remove(probe.Name())
	return Finding{check, OK, path, ""}
}

// runtime checks whether one works on the run directory already.
func runtime(paths config.Paths) Finding {
	holder, held, err := runlock.Find(paths.Base, paths.Run)
	switch {
	case held:
		return Finding{"other runtime", Fail, fmt.Sprintf("process %d, since %s", holder.Pid, holder.Since.Local().Format(time.DateTime)),
			fmt.Sprintf("it is running already; kill %d stops it", holder.Pid)}
	case err != nil:
		return Finding{"other runtime", Warn, err.Error(), "look at the run directory's permissions"}
	}
	return Finding{"other runtime", OK, "none", ""}
}

// ports checks each TCP address by binding it for a moment.
func ports(declarations []plugins.Declaration) []Finding {
	var findings []Finding
	for _, d := range declarations {
		for _, socket := range d.Sockets {
			if socket.Network != "tcp" {
				continue
			}
			check := d.Name + " address"
			listener, err := net.Listen("tcp", socket.Address)
			if err != nil {
				_, port, _ := net.SplitHostPort(socket.Address)
				findings = append(findings, Finding{check, Fail, fmt.Sprintf("%s: in use by %s", socket.Address, sockets.Holder(port)), "stop that, or choose another address"})
				continue
			}
			listener.Close()
			findings = append(findings, Finding{check, OK, socket.Address + " is free", ""})
		}
	}
	return findings
}

// clock checks that certificates and tokens will not seem to be from another age.
func clock() Finding {
	const firstSensible = 2024
	if now := time.Now(); now.Year() < firstSensible {
		return Finding{"clock", Fail, now.Format(time.DateTime), "set the machine's clock: certificates would not be valid"}
	}
	return Finding{"clock", OK, time.Now().Format(time.DateTime), ""}
}
