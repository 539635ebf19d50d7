package supervisor

import (
	"maps"
	"slices"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
)

func TestWhoIsIsolatedIsWhatTheStrongestWordSays(t *testing.T) {
	const off, strict, best = plugins.IsolationOff, plugins.IsolationStrict, plugins.IsolationBestEffort
	for _, c := range []struct {
		setting []string
		want    map[string]plugins.Isolation
		problem string
	}{
		{nil, map[string]plugins.Isolation{"nats": "", "thumbnails": best, "web": strict}, ""},
		{[]string{"nats"}, map[string]plugins.Isolation{"nats": strict, "thumbnails": best, "web": strict}, ""},
		{[]string{"nats:best-effort", "web:off"}, map[string]plugins.Isolation{"nats": best, "thumbnails": best, "web": off}, ""},
		{[]string{"all"}, map[string]plugins.Isolation{"nats": strict, "thumbnails": strict, "web": strict}, ""},
		{[]string{"all", "web:off"}, map[string]plugins.Isolation{"nats": strict, "thumbnails": strict, "web": off}, ""},
		{[]string{"web:off", "all:best-effort"}, map[string]plugins.Isolation{"nats": best, "thumbnails": best, "web": off}, ""},
		{[]string{"none"}, map[string]plugins.Isolation{"nats": off, "thumbnails": off, "web": off}, ""},
		{[]string{"none", "nats"}, map[string]plugins.Isolation{"nats": strict, "thumbnails": off, "web": off}, ""},
		{[]string{"web", "web"}, map[string]plugins.Isolation{"nats": "", "thumbnails": best, "web": strict}, ""},
		{[]string{"web", "web:off"}, nil, `runtime.isolate: web is there twice, as strict and as off`},
		{[]string{"all", "none"}, nil, `runtime.isolate: all is there twice, as strict and as off`},
		{[]string{"none:off"}, nil, `runtime.isolate: "none:off" is not none`},
		{[]string{"wbe"}, nil, `runtime.isolate: unknown service "wbe": did you mean "web"?`},
		{[]string{"al"}, nil, `runtime.isolate: unknown service "al": did you mean "all"?`},
		{[]string{"web:some"}, nil, `runtime.isolate: "web:some" is not NAME, NAME:best-effort or NAME:off`},
	} {
		settings := Settings{Isolate: c.setting}
		declarations, err := settings.apply([]plugins.Declaration{
			{Name: "nats"}, {Name: "thumbnails", Profile: plugins.Profile{Isolate: best}}, {Name: "web", Profile: plugins.Profile{Isolate: strict}},
		})
		if c.problem != "" {
			if err == nil || err.Error() != c.problem {
				t.Errorf("%q: %v, want %s", c.setting, err, c.problem)
			}
			continue
		}
		got := map[string]plugins.Isolation{}
		for name, d := range declarations {
			got[name] = d.Profile.Isolate
		}
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%q: %v %v, want %v", c.setting, got, err, c.want)
		}
	}
}

func TestOneIsolatedServiceIsNamed(t *testing.T) {
	all := []plugins.Declaration{{Name: "nats"}, {Name: "web"}}
	for text, want := range map[string]plugins.Isolation{"web": plugins.IsolationStrict, "web:best-effort": plugins.IsolationBestEffort} {
		if d, err := Isolated(all, text); err != nil || d.Name != "web" || d.Profile.Isolate != want {
			t.Errorf("%s: %+v %v", text, d, err)
		}
	}
	for text, want := range map[string]string{
		"wbe":     `unknown service "wbe": did you mean "web"?`,
		"all":     `"all" is not one service: give SERVICE or SERVICE:best-effort`,
		"web:off": `"web:off" is not one service: give SERVICE or SERVICE:best-effort`,
	} {
		if _, err := Isolated(all, text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestVariablesAreReplacedAndNotAdded(t *testing.T) {
	got := setVariables([]string{"A=1", "AB=2", "B=3", "A=4"}, []string{"A=5", "C=6"})
	if want := []string{"AB=2", "B=3", "A=5", "C=6"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
