package restart

import (
	"testing"
	"time"

	"github.com/owncloud/ocis-runtime/plugins"
)

var limits = Limits{First: 100 * time.Millisecond, Cap: time.Second, Stable: 10 * time.Second, Jitter: 0.5}

func TestDecide(t *testing.T) {
	crash := Facts{Policy: plugins.RestartAlways, Wanted: true, Uptime: time.Second}
	with := func(change func(*Facts)) Facts {
		facts := crash
		change(&facts)
		return facts
	}
	for name, test := range map[string]struct {
		facts  Facts
		random float64
		want   Decision
	}{
		"the first crash restarts at once":           {crash, 0, Decision{Now, 0, 1}},
		"the second waits":                           {with(func(f *Facts) { f.Failures = 1 }), 0, Decision{Later, 100 * time.Millisecond, 2}},
		"each wait is twice as long":                 {with(func(f *Facts) { f.Failures = 3 }), 0, Decision{Later, 400 * time.Millisecond, 4}},
		"up to a cap":                                {with(func(f *Facts) { f.Failures = 30 }), 0, Decision{Later, time.Second, 31}},
		"which holds for any number of failures":     {with(func(f *Facts) { f.Failures = 1 << 30 }), 0, Decision{Later, time.Second, 1<<30 + 1}},
		"jitter makes it longer, never shorter":      {with(func(f *Facts) { f.Failures = 1 }), 0.5, Decision{Later, 125 * time.Millisecond, 2}},
		"a stable run is forgiven":                   {with(func(f *Facts) { f.Failures = 9; f.Uptime = 10 * time.Second }), 0, Decision{Now, 0, 1}},
		"almost stable is not":                       {with(func(f *Facts) { f.Failures = 1; f.Uptime = 10*time.Second - 1 }), 0, Decision{Later, 100 * time.Millisecond, 2}},
		"exit code 0 is an exit like others":         {with(func(f *Facts) { f.Success = true }), 0, Decision{Now, 0, 1}},
		"on-failure restarts a failure":              {with(func(f *Facts) { f.Policy = plugins.RestartOnFailure }), 0, Decision{Now, 0, 1}},
		"on-failure leaves a success":                {with(func(f *Facts) { f.Policy = plugins.RestartOnFailure; f.Success = true }), 0, Decision{Action: Never}},
		"never is never":                             {with(func(f *Facts) { f.Policy = plugins.RestartNever }), 0, Decision{Action: Never}},
		"a restart that was asked for is no failure": {with(func(f *Facts) { f.Asked = true; f.Failures = 5 }), 0, Decision{Action: Now}},
		"even under never":                           {with(func(f *Facts) { f.Asked = true; f.Policy = plugins.RestartNever }), 0, Decision{Action: Now}},
		"nobody wants it":                            {with(func(f *Facts) { f.Wanted = false; f.Failures = 5 }), 0, Decision{Action: Stay}},
		"an essential one is tried again":            {with(func(f *Facts) { f.Essential = true; f.Failures = 4 }), 0, Decision{Later, 800 * time.Millisecond, 5}},
		"until its delay is at the cap":              {with(func(f *Facts) { f.Essential = true; f.Failures = 5 }), 0, Decision{Action: Never}},
		"the zero policy is always":                  {with(func(f *Facts) { f.Policy = "" }), 0, Decision{Now, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Decide(test.facts, limits, test.random); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
