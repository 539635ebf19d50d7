package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/owncloud/ocis-runtime/supervisor/client"
)

// printedList returns what `ocis list` shows of these instances.
func printedList(instances ...client.Instance) string {
	var out bytes.Buffer
	printInstances(cli.NewContext(&cli.App{Writer: &out}, nil, nil), instances)
	return out.String()
}

func TestAProcessThatWasReplacedIsARowOfItsInstance(t *testing.T) {
	present := client.Instance{Service: "web", Instance: "web-1", Status: client.StatusReady, Pid: 12, Incarnation: "b"}
	replaced := client.Instance{Service: "web", Instance: "web-1", Status: client.StatusStopping, Pid: 11, Incarnation: "a", ReplacedBy: "b", Message: "was replaced"}
	lines := strings.Split(printedList(present, replaced), "\n")
	for n, want := range []string{"SERVICE STATUS PID", "web ready 12", "web stopping 11"} {
		if got := strings.Join(strings.Fields(lines[n]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("line %d is %q, want %q", n, got, want)
		}
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "web: was replaced\n") {
		t.Errorf("it does not say why there are two:\n%s", text)
	}
}

func TestTheListSaysWhichLimitsOfMemoryApply(t *testing.T) {
	process := func(instance string, pid int, limit uint64) client.Instance {
		return client.Instance{Service: "web", Instance: instance, Pid: pid, MemoryLimitBytes: limit}
	}
	for name, test := range map[string]struct {
		rows []client.Instance
		want string
	}{
		"nothing runs":             {[]client.Instance{process("web-1", 0, 0)}, ""},
		"none anywhere":            {[]client.Instance{process("web-1", 1, 0), process("web-2", 2, 0)}, "memory: no hard limits; `ocis doctor` says why"},
		"the same everywhere":      {[]client.Instance{process("web-1", 1, 1<<30), process("web-2", 2, 1<<30)}, "memory: hard limits of 1.0G"},
		"several":                  {[]client.Instance{process("web-1", 1, 2<<30), process("web-2", 2, 1<<30)}, "memory: hard limits of 1.0G to 2.0G"},
		"not for all":              {[]client.Instance{process("web-1", 1, 1<<30), process("web-2", 2, 0)}, "memory: hard limits of 1.0G, none for web-2"},
		"not for two of the same":  {[]client.Instance{process("web-1", 1, 0), process("web-1", 2, 0), process("web-2", 3, 1<<30)}, "memory: hard limits of 1.0G, none for web-1"},
		"what is stopped has none": {[]client.Instance{process("web-1", 1, 1<<30), process("web-2", 0, 0)}, "memory: hard limits of 1.0G"},
	} {
		if got := hardLimits(test.rows); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
