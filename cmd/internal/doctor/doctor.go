// Package doctor looks for what would stop a start of the runtime on this machine.
//
// It owns the checks and what each one advises. It changes nothing, and it leaves the
// printing to the command. A check that passes is no promise: a port that is free now
// can be taken a moment later.
package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// Plan is what a start would do, as far as it is checked here.
type Plan struct {
	Source    *config.Source        // of the settings; nil: they cannot be read
	Services  []plugins.Declaration // that would run
	Addresses []Address             // that would be bound
	Refused   []error               // why services from outside would not run
}

// Address is a TCP address that a start would bind.
type Address struct {
	Of    string // a service, or "metrics"
	Where string // host:port
}

// Examine makes all checks. plan is called to read all settings, those of a file that the
// first start would make included; its error is a finding.
func Examine(plan func() (Plan, error)) []Finding {
	paths, err := config.ResolvePaths()
	if err != nil {
		return []Finding{{"paths", Fail, err.Error(), "set OCIS_BASE_DATA_PATH"}}
	}
	findings := []Finding{folder("data", paths.Base), folder("run directory", paths.Run)}
	held := runtime(paths)
	findings = append(findings, held, space(paths.Base))
	planned, err := plan()
	findings = append(findings, settings(paths, err))
	for _, reason := range planned.Refused {
		findings = append(findings, Finding{"plugins", Warn, reason.Error(), "the others run; `ocis plugins verify` looks again"})
	}
	// A runtime that runs holds its ports itself.
	if held.Verdict == OK {
		for _, a := range planned.Addresses {
			findings = append(findings, bind(a))
		}
	}
	findings = append(findings, budget(planned.Source, planned.Services), descriptors(), clock(), isolation())
	return slices.Concat(findings, hardLimits(), kernel())
}

// settings tells what came of reading them.
func settings(paths config.Paths, problem error) Finding {
	switch {
	case problem != nil:
		return Finding{"settings", Fail, problem.Error(), "correct it as the message says"}
	case !paths.Exists():
		return Finding{"settings", OK, "no ocis.yaml yet: the first start makes it", ""}
	}
	return Finding{"settings", OK, paths.File(), ""}
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

// bind binds an address for a moment.
func bind(a Address) Finding {
	check, where := a.Of+" address", a.Where
	listener, err := sockets.Listen(where)
	var unusable *sockets.AddressError
	switch {
	case errors.As(err, &unusable):
		return Finding{check, Fail, where + ": " + unusable.Problem, unusable.Remedy}
	case err != nil:
		return Finding{check, Fail, err.Error(), "choose another address"}
	}
	listener.Close()
	return Finding{check, OK, where + " is free", ""}
}

// clock checks that certificates and tokens will not seem to be from another age.
func clock() Finding {
	const firstSensible = 2024
	if now := time.Now(); now.Year() < firstSensible {
		return Finding{"clock", Fail, now.Format(time.DateTime), "set the machine's clock: certificates would not be valid"}
	}
	return Finding{"clock", OK, time.Now().Format(time.DateTime), ""}
}
