package doctor

import (
	"fmt"

	"github.com/owncloud/ocis-runtime/cmd/internal/print"
	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor"
	"github.com/owncloud/ocis-runtime/supervisor/memory"
)

// budget checks how much memory the services get, with one process for each.
func budget(src *config.Source, declarations []plugins.Declaration) Finding {
	const check = "memory budget"
	machine, err := memory.Machine()
	total := machine.Default()
	if src != nil {
		var settings supervisor.Settings
		if err := src.Fill(supervisor.Section, &settings); err != nil {
			return Finding{check, Fail, err.Error(), "correct it as the message says"}
		}
		if settings.MemoryLimit > 0 {
			total = memory.Limit{Bytes: uint64(settings.MemoryLimit), From: "OCIS_MEMORY_LIMIT"}
		}
	}
	if total.Bytes == 0 {
		return Finding{check, Warn, err.Error(), "set OCIS_MEMORY_LIMIT"}
	}
	claims := make([]memory.Claim, 0, len(declarations))
	for _, d := range declarations {
		claims = append(claims, memory.Claim{Service: d.Name, Weight: d.MemoryWeight, Instances: 1})
	}
	found := fmt.Sprintf("%s (%s)", print.Bytes(total.Bytes), total.From)
	if missing := memory.Split(total.Bytes, claims).MissingBytes; missing > 0 {
		return Finding{check, Warn, found + ", " + "less than the least for each by " + print.Bytes(missing), "run fewer services, or give them more memory"}
	}
	if machine.Bytes > 0 && total.Bytes > machine.Bytes {
		return Finding{check, Warn, fmt.Sprintf("%s, more than %s (%s)", found, machine.From, print.Bytes(machine.Bytes)), "set OCIS_MEMORY_LIMIT to less"}
	}
	return Finding{check, OK, found, ""}
}
