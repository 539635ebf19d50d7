package doctor

import "github.com/owncloud/ocis-runtime/supervisor/cgroup"

// hardLimits checks what the kernel would keep processes from taking.
func hardLimits() []Finding {
	return []Finding{
		// A process that takes too much memory is ended alone.
		hardLimit("memory limits", "for each process", cgroup.Memory),
		hardLimit("process limits", "for each service that is isolated", cgroup.Tasks),
		hardLimit("cpu limits", "where a profile has one", cgroup.CPU),
	}
}

func hardLimit(check, whose string, c cgroup.Controller) Finding {
	support := cgroup.Examine(c)
	if support.By == cgroup.ByNone {
		return Finding{check, Warn, "no hard ones: " + support.Reason, support.Remedy}
	}
	return Finding{check, OK, "hard ones " + whose + ", by " + string(support.By), ""}
}
