package plugins

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// setLaunch puts variables of a launch into this process's environment until the test ends.
func setLaunch(t *testing.T, environ []string) {
	t.Helper()
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
}

func TestAChildReadsWhatTheSupervisorWrote(t *testing.T) {
	for name, launch := range map[string]Launch{
		"all":        {Instance: "webdav-1", Incarnation: "abc", OrphanGrace: time.Second, SocketNames: []string{"", "content"}},
		"no sockets": {Instance: "web-1", Incarnation: "x", OrphanGrace: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			setLaunch(t, launch.Environ())
			if got := launchFromEnvironment(); !reflect.DeepEqual(got, launch) {
				t.Errorf("got %+v, want %+v", got, launch)
			}
		})
	}
}

func TestTheOrphanGraceHasADefault(t *testing.T) {
	for name, environ := range map[string][]string{
		"none is given":   Launch{}.Environ(),
		"it is no time":   {envOrphanGrace + "=soon"},
		"it is no future": {envOrphanGrace + "=-1s"},
	} {
		t.Run(name, func(t *testing.T) {
			setLaunch(t, environ)
			if got := launchFromEnvironment().OrphanGrace; got != DefaultOrphanGrace {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestProgramsThatAChildStartsDoNotTakeThemselvesForChildren(t *testing.T) {
	setLaunch(t, Launch{Instance: "a-1", Incarnation: "x", SocketNames: []string{""}}.Environ())
	launchFromEnvironment()
	if os.Getenv(IncarnationKey) != "x" {
		t.Error("the supervisor could not find what they leave")
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if name != IncarnationKey && strings.HasPrefix(name, "OCIS_CHILD_") || strings.HasPrefix(name, "LISTEN_") {
			t.Errorf("%s is still there", variable)
		}
	}
}

func TestOnlyTheCookieMakesASupervisedChild(t *testing.T) {
	for value, want := range map[string]bool{Handshake.MagicCookieValue: true, "": false, "1": false} {
		t.Setenv(Handshake.MagicCookieKey, value)
		if got := Supervised(); got != want {
			t.Errorf("cookie %q: %v", value, got)
		}
	}
}
