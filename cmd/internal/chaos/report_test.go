package chaos

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestPercentilesAreTimesThatWereMeasured(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for n := range hundred {
		hundred[n] = time.Duration(n + 1)
	}
	for _, c := range []struct {
		sorted  []time.Duration
		percent float64
		want    time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 50, 7},
		{[]time.Duration{7}, 99, 7},
		{[]time.Duration{1, 2}, 50, 1},
		{[]time.Duration{1, 2, 9}, 50, 2},
		{[]time.Duration{1, 2, 9}, 99, 9},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
	} {
		if got := percentile(c.sorted, c.percent); got != c.want {
			t.Errorf("%g %% of %d times is %d, want %d", c.percent, len(c.sorted), got, c.want)
		}
	}
}

// example is a run of three hits, of which one was not made and one not followed.
func example() Report {
	web := Recovery{Hit: Hit{Number: 1, After: Span(time.Second), Service: "web", Signal: "SIGKILL"}, Instance: "web-1", Pid: 42, At: at(1000), Ready: Span(12345 * time.Microsecond)}
	frontend := Recovery{Hit: Hit{Number: 2, Service: "frontend", Signal: "SIGSTOP"}, Instance: "frontend-1", Pid: 4194304, At: at(3000), Problem: "not replaced within 46s, and continued"}
	skipped := Recovery{Hit: Hit{Number: 3, Service: "web", Signal: "SIGKILL"}, Problem: "not hit: frontend-1 had not come back from hit 2"}
	all := []Recovery{web, frontend, skipped}
	counts := Counts{Requests: 12345, Failed: 123, Refused: 12, Lost: 123}
	return Report{
		Took:     Span(time.Minute),
		Hits:     all,
		Services: rows(all, map[string]*Counts{"frontend": &counts}, []string{"web", "frontend"}, func(r Recovery) string { return r.Service }),
		Signals:  rows(all, map[string]*Counts{"SIGKILL": &counts}, []string{"SIGSTOP", "SIGKILL"}, func(r Recovery) string { return r.Signal }),
		Total:    row("total", all, counts),
		Failures: []Failure{{Failed, "PROPFIND: 503 Service Unavailable", 100, at(0), at(1), []string{"frontend", "nats", "proxy", "web"}}},
	}
}

func TestARowHasWhatWasMadeOfItsHits(t *testing.T) {
	report := example()
	if len(report.Services) != 2 || report.Services[0].Name != "frontend" || report.Services[0].Requests != 12345 {
		t.Fatalf("%+v", report.Services)
	}
	web := report.Services[1]
	if web.Kills != 1 || web.Recoveries != 1 || web.Median != Span(12345*time.Microsecond) || web.Max != web.P99 || web.Requests != 0 {
		t.Errorf("%+v", web)
	}
	if total := report.Total; total.Kills != 2 || total.Recoveries != 1 {
		t.Errorf("%+v", total)
	}
}

func TestALimitIsBrokenByWhatIsBeyondIt(t *testing.T) {
	none, some, all := 0, 134, 135
	short, long := 12*time.Millisecond, time.Minute
	clean := Report{Total: Row{Kills: 3, Recoveries: 3, Max: Span(12 * time.Millisecond), Counts: Counts{Requests: 100, Lost: 9}}}
	for name, c := range map[string]struct {
		limits Limits
		report Report
		broken []string
	}{
		"no limit":                 {Limits{}, example(), nil},
		"enough may fail":          {Limits{Failed: &all}, example(), nil},
		"one too many":             {Limits{Failed: &some}, example(), []string{"135 requests failed, and --max-failed allows 134"}},
		"lost ones do not count":   {Limits{Failed: &none}, clean, nil},
		"as long as it may take":   {Limits{Recovery: &short}, clean, nil},
		"too long, and one is not": {Limits{Recovery: &short}, example(), []string{"1 hit was not followed by a recovery", "a recovery took 12.3ms"}},
		"one is not":               {Limits{Recovery: &long}, example(), []string{"1 hit was not followed by a recovery"}},
	} {
		broken := c.limits.Broken(c.report)
		if len(broken) != len(c.broken) {
			t.Errorf("%s: %q", name, broken)
			continue
		}
		for n := range broken {
			if !strings.HasPrefix(broken[n], c.broken[n]) {
				t.Errorf("%s: %q, want %q", name, broken[n], c.broken[n])
			}
		}
	}
}

func TestWhatIsLeftDownIsAnErrorEvenWithoutLimits(t *testing.T) {
	if err := example().Verdict(); err != nil {
		t.Errorf("got %v", err)
	}
	down := example()
	down.NotReady = []string{"web-1 is failed"}
	if err := down.Verdict(); err == nil || err.Error() != "web-1 is failed" {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsWrittenFitsIn80Columns(t *testing.T) {
	var out strings.Builder
	plan := Plan{1, []string{"frontend", "web"}, Signals(), 2 * time.Second, 200 * time.Second}
	WriteSchedule(&out, plan, []Question{{Method: "PROPFIND", URL: "https://localhost:9200" + userFolder}})
	report := example()
	for _, r := range report.Hits {
		if err := WriteRecovery(&out, r); err != nil {
			t.Error(err)
		}
	}
	report.WriteText(&out)
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, wanted := range []string{"12.3ms", "158 more", "100 failed: PROPFIND: 503", "frontend-1  pid 4194304 STOP", "199.", "seed 1:"} {
		if !strings.Contains(out.String(), wanted) {
			t.Errorf("there is no %q in\n%s", wanted, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("it is painted, and this is no terminal")
	}
}

func TestProgramsReadTimesInSeconds(t *testing.T) {
	text, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{`"took_seconds":60`, `"ready_seconds":0.012345`, `"median_seconds":0.012345`, `"kills":2`, `"recoveries":1`, `"refused":12`, `"lost":123`} {
		if !strings.Contains(string(text), wanted) {
			t.Errorf("there is no %s in %s", wanted, text)
		}
	}
}
