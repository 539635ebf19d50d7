package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owncloud/ocis-runtime/plugins"
	"github.com/owncloud/ocis-runtime/plugins/config"
	"github.com/owncloud/ocis-runtime/supervisor/client"
)

func testPaths(t *testing.T) config.Paths {
	t.Helper()
	base := t.TempDir()
	paths := config.Paths{Base: base, Run: filepath.Join(base, "run")}
	if err := paths.MakeDirs(); err != nil {
		t.Fatal(err)
	}
	return paths
}

func plan(t *testing.T, paths config.Paths, profile plugins.Profile) (Plan, error) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return NewPlan(plugins.Declaration{Name: "web", Profile: profile}, paths, true, binary)
}

func access(p Plan, path string) Access {
	for _, mount := range p.Mounts {
		if mount.Path == path {
			return mount.Access
		}
	}
	return ""
}

func TestAnEmptyProfileGrantsTheProgramAndNoFolder(t *testing.T) {
	paths := testPaths(t)
	p, err := plan(t, paths, plugins.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	for _, mount := range p.Mounts {
		if mount.Access == AccessWrite || mount.Access == AccessConnect || strings.HasPrefix(mount.Path, paths.Base) {
			t.Errorf("it has %+v", mount)
		}
	}
	if p.Network || p.Limits.Processes == 0 || p.Limits.OpenFiles == 0 || p.Limits.TmpBytes == 0 {
		t.Errorf("got %+v", p)
	}
}

func TestAProfileIsMountedAsItSays(t *testing.T) {
	paths := testPaths(t)
	p, err := plan(t, paths, plugins.Profile{
		Write: []string{paths.Data("web")}, Read: []string{"/etc"}, Peers: []string{"nats"}, Network: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Access{
		paths.Data("web"): AccessWrite, "/etc": AccessRead, paths.Sockets("nats"): AccessConnect, paths.Registry(): AccessRead,
		paths.Sockets("users"): "", paths.Data("users"): "", paths.Config: "", "/dev/null": AccessDevice,
	} {
		if got := access(p, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for _, made := range []string{paths.Data("web"), paths.Sockets("nats")} {
		if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", made, info, err)
		}
	}
	if !slices.IsSortedFunc(p.Mounts, func(x, y Mount) int { return len(x.Path) - len(y.Path) }) {
		t.Errorf("what is below is mounted before what is above: %v", p.Mounts)
	}
}

func TestAGrantToACopyOfAPlanLeavesThePlanAsItWas(t *testing.T) {
	p := Plan{Mounts: append(make([]Mount, 0, 8), Mount{"/b/c", AccessRead}, Mount{"/b/c/d", AccessRead})}
	before := slices.Clone(p.Mounts)
	first, second := p, p
	first.Grant(AccessWrite, "/a")
	second.Grant(AccessWrite, "/x")
	if !slices.Equal(p.Mounts, before) || access(first, "/a") != AccessWrite || access(second, "/a") != "" {
		t.Errorf("the plan has %v, the copies %v and %v", p.Mounts, first.Mounts, second.Mounts)
	}
}

func TestAFolderThatIsMissingIsNamed(t *testing.T) {
	_, err := plan(t, testPaths(t), plugins.Profile{Read: []string{"/this/is/not/there"}})
	if err == nil || err.Error() != "the profile of web names /this/is/not/there: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func TestTheEnvironmentIsCutToWhatIsNamed(t *testing.T) {
	environ := []string{"A=1", "AB=2", "B=3", "B_C=4", "=x", "C"}
	for _, c := range []struct{ patterns, want []string }{
		{nil, []string{}},
		{[]string{"A"}, []string{"A=1"}},
		{[]string{"A*"}, []string{"A=1", "AB=2"}},
		{[]string{"B_*", "C"}, []string{"B_C=4", "C"}},
	} {
		if got := cut(environ, c.patterns); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.patterns, got, c.want)
		}
	}
	own := ownVariables(plugins.Declaration{Name: "web-dav", Secrets: []string{"S"}, Profile: plugins.Profile{Environment: []string{"E"}}})
	if !slices.Equal(own, []string{"WEB_DAV_*", "S", "E"}) {
		t.Errorf("got %q", own)
	}
}

func TestTheScoreIsTenForEveryLayerAndZeroForNone(t *testing.T) {
	var all []client.Layer
	for _, l := range layers {
		all = append(all, client.Layer{Name: l.name, State: client.LayerEnforced})
	}
	if Score(all) != 10 || !Full(all) {
		t.Errorf("all layers: %v, %v", Score(all), Full(all))
	}
	if Score(nil) != 0 || Full(nil) {
		t.Errorf("no layers: %v, %v", Score(nil), Full(nil))
	}
	for i, l := range layers {
		without := slices.Clone(all)
		without[i].State = client.LayerMissing
		if Full(without) == l.promised || Score(without) >= 10 {
			t.Errorf("without %s: full %v, score %v", l.name, Full(without), Score(without))
		}
		without[i].State = client.LayerOff
		if !Full(without) {
			t.Errorf("%s, which the profile does without, is missed", l.name)
		}
	}
	slices.Reverse(all)
	Sort(all)
	if all[0].Name != layers[0].name {
		t.Errorf("the first is %s", all[0].Name)
	}
}
